"""The calls of the property test: each is made, held against the model, and its answer learnt from."""

from typing import Any
from uuid import uuid4

from django.db import transaction
from django.test import Client
from hypothesis.stateful import RuleBasedStateMachine, invariant

from contacts.models import Contact, ContactInbox
from inboxes.identity import identifier_hash

from .api import contacts_url
from .factories import AccountFactory, InboxFactory
from .identity_model import FILLED, Person, Place, Refused, Session, World

INBOXES = {
    "optional": {},
    "mandatory": {"hmac_mandatory": True},
    "sharing": {"match_claims": True},
    "abroad": {},
    "sharing abroad": {"match_claims": True},
}
CONTACT_COLUMNS = ("account_id", "identifier", "claimed_identifier", "claim_shared", "custom_attributes", "blocked")
SESSION_COLUMNS = ("source_id", "pubsub_token", "inbox_id", "hmac_verified", "contact_id")


class IdentityCalls(RuleBasedStateMachine):
    """Two accounts with their inboxes, in a transaction of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.client, self.world = Client(), World()
        home, abroad = AccountFactory(), AccountFactory()
        self.accounts = [home.pk, abroad.pk]
        inboxes = [
            InboxFactory(name=name, account=abroad if "abroad" in name else home, **flags)
            for name, flags in INBOXES.items()
        ]
        self.places = {inbox.name: Place(inbox, keys=[inbox.hmac_token]) for inbox in inboxes}
        self.stored: dict[int, dict[str, Any]] = {}  # contacts as they were before this step
        self.reach: set[int | None] = set()  # the contacts that this step may show and change
        self.seen: set[int | str] = set()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    # What holds after every step.

    @invariant()
    def the_property_holds(self) -> None:
        before, self.stored = self.stored, _stored(self.accounts)
        self.only_who_could_be_reached_has_changed(before)
        self.everything_acknowledged_is_there()
        self.an_identifier_has_one_verified_contact()
        self.every_session_is_with_its_contact_in_its_account()

    def only_who_could_be_reached_has_changed(self, before: dict[int, dict[str, Any]]) -> None:
        assert {pk for pk, contact in before.items() if self.stored.get(pk) != contact} <= self.reach
        self.reach = set()

    def everything_acknowledged_is_there(self) -> None:
        assert self.stored == {person.pk: _as_stored(person) for person in self.world.people}

    def an_identifier_has_one_verified_contact(self) -> None:
        keys = [(contact["account_id"], contact["identifier"]) for contact in self.stored.values()]
        verified = [key for key in keys if key[1] is not None]
        assert len(verified) == len(set(verified))

    def every_session_is_with_its_contact_in_its_account(self) -> None:
        sessions = ContactInbox.objects.filter(inbox__account__in=self.accounts)
        assert set(sessions.values_list(*SESSION_COLUMNS)) == {_as_row(session) for session in self.world.sessions}
        for session in self.world.sessions:
            assert self.stored[session.person.pk]["account_id"] == session.place.inbox.account_id

    # The calls. ``signed`` are those whose sender has a key.

    def create(
        self, place: Place, sent: dict[str, Any], *, signed: bool = False, twice: bool = False
    ) -> Session | None:
        self.reach = self.found_by(place, sent, signed=signed)
        body = self.body(place, sent, signed=signed)
        headers = {"idempotency-key": uuid4().hex} if twice else {}
        response = self.post(place, body, headers)
        if twice:
            assert self.post(place, body, headers).content == response.content
        status, session = _outcome(self.world.create, place, _kept(sent), signed=signed)
        assert response.status_code == status
        if session is not None:
            self.learn(session, response.json())
        return session

    def update(self, session: Session, sent: dict[str, Any], *, signed: bool = False) -> None:
        self.reach = {session.person.pk, *self.found_by(session.place, sent, signed=signed)}
        response = self.patch(session.place, session.source_id, self.body(session.place, sent, signed=signed))
        status, _none = _outcome(self.world.update, session, _kept(sent), signed=signed)
        assert response.status_code == status
        if status == 200:
            self.learn(session, response.json())

    def retrieve(self, session: Session, identifier: str | int | None = None) -> None:
        sent = {} if identifier is None else {"identifier": identifier}
        response = self.get(session.place, session.source_id, self.body(session.place, sent, signed=True))
        status, _none = _outcome(self.world.read, session, None if identifier is None else str(identifier))
        assert response.status_code == status
        if status == 200:
            self.reach = {session.person.pk}
            self.learn(session, response.json())
            self.reach = set()

    def post(self, place: Place, body: dict[str, Any], headers: dict[str, str] | None = None):
        return self.client.post(contacts_url(place.inbox), body, content_type="application/json", headers=headers)

    def get(self, place: Place, source_id: str | None, proof: dict[str, Any]):
        return self.client.get(f"{contacts_url(place.inbox)}/{source_id}", proof)

    def patch(self, place: Place, source_id: str | None, body: dict[str, Any]):
        return self.client.patch(f"{contacts_url(place.inbox)}/{source_id}", body, content_type="application/json")

    def is_not_found(self, place: Place, source_id: str | None, identifier: str | int) -> None:
        body = self.body(place, {"identifier": identifier, "name": "Thief"}, signed=True)
        assert self.get(place, source_id, {}).status_code == 404
        assert self.patch(place, source_id, body).status_code == 404

    def forged(self, place: Place, identifier: str | int, forgery: str) -> dict[str, Any]:
        text, key = str(identifier), place.inbox.hmac_token
        other = next(one for one in self.places.values() if one is not place)
        hashes = {
            "of another identifier": identifier_hash(key, text.swapcase() + "\u0301"),
            "of another inbox": identifier_hash(other.inbox.hmac_token, text),
            "of a revoked key": identifier_hash((place.revoked or [other.inbox.hmac_token])[-1], text),
            "in capitals": identifier_hash(key, text).upper(),
            "public": identifier_hash(place.inbox.identifier, text),
        }
        return {"identifier": identifier, "identifier_hash": hashes[forgery]}

    def found_by(self, place: Place, sent: dict[str, Any], *, signed: bool) -> set[int | None]:
        """Return who may be shown and changed beside the session's own contact."""
        identifier = _kept(sent).get("identifier", "")
        key = {"identifier": identifier} if signed else {"claimed_identifier": identifier, "claim_shared": True}
        if not (signed or place.inbox.match_claims):
            return set()
        key["account_id"] = place.inbox.account_id
        return {pk for pk, contact in self.stored.items() if key.items() <= contact.items()}

    def body(self, place: Place, sent: dict[str, Any], *, signed: bool) -> dict[str, Any]:
        if not signed or "identifier" not in sent:
            return sent
        # Any key that is valid will do, and the oldest is the likeliest to be forgotten.
        return {**sent, "identifier_hash": identifier_hash(place.keys[-1], str(sent["identifier"]))}

    def learn(self, session: Session, shown: dict[str, Any]) -> None:
        """Compare an answer with the model, and take over what only the server could choose."""
        person = session.person
        if person.pk is None:
            person.pk = self.unseen(shown["id"])
            self.reach.add(person.pk)
        if session.source_id is None:
            session.source_id = self.unseen(shown["source_id"])
            session.pubsub_token = self.unseen(shown["pubsub_token"])
        assert shown["id"] in self.reach
        assert shown == {
            "id": person.pk,
            "source_id": session.source_id,
            "pubsub_token": session.pubsub_token,
            "name": person.values["name"],
            "email": person.values["email"] or None,
            "phone_number": person.values["phone_number"] or None,
        }

    def unseen(self, chosen: Any) -> Any:
        assert chosen not in self.seen
        self.seen.add(chosen)
        return chosen


def _outcome(rule, *args: Any, **kwargs: Any) -> tuple[int, Session | None]:
    """Return status and result of a rule of the model."""
    try:
        return 200, rule(*args, **kwargs)
    except Refused as refusal:
        return refusal.status, None


def _kept(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the fields in the form in which they are stored."""
    forms = {"identifier": str, "email": str.lower, "phone_number": _digits}
    return {name: forms.get(name, lambda same: same)(value) for name, value in sent.items()}


def _digits(phone_number: str) -> str:
    return "+" + "".join(filter(str.isdigit, phone_number))


def _stored(accounts: list[int]) -> dict[int, dict[str, Any]]:
    names = (*CONTACT_COLUMNS, *FILLED)
    rows = Contact.objects.filter(account__in=accounts).values_list("pk", *names)
    return {pk: dict(zip(names, values, strict=True)) for pk, *values in rows}


def _as_stored(person: Person) -> dict[str, Any]:
    rules = (person.account_id, person.identifier, person.claim, person.shared, person.attributes, person.blocked)
    return {**dict(zip(CONTACT_COLUMNS, rules, strict=True)), **person.values}


def _as_row(session: Session) -> tuple[Any, ...]:
    inbox_id, contact_id = session.place.inbox.pk, session.person.pk
    return session.source_id, session.pubsub_token, inbox_id, session.verified, contact_id
