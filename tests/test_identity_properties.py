"""The property of identity: visitors, signers, a thief and staff do as they like, and nobody meets anybody else.

After every step the database has to hold what the model of the rules holds, and nobody may have been shown or
changed beyond what the step could reach.
"""

from collections import ChainMap
from datetime import timedelta

import hypothesis
import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule, run_state_machine_as_test

from contacts.merge import merge
from contacts.models import Contact
from inboxes.identity import revoke_previous_hmac_token, rotate_hmac_token

from .identity_calls import INBOXES, IdentityCalls
from .identity_model import Person

# Spellings that a database or a well-meant normalisation could take for one another; one of them often.
IDENTIFIERS = st.just("u1") | st.sampled_from(["U1", "u\u00e9", "ue\u0301", "7", 7, "07"])
FIELDS = [
    {},
    {"name": "Ada"},
    {"name": "Grace"},
    {"email": "ada@example.com"},
    {"email": "Ada@Example.com"},
    {"email": "grace@example.com"},
    {"phone_number": "+12025550123"},
    {"phone_number": "+1 (202) 555-0123"},
    {"phone_number": "+12025550199"},
    {"avatar_url": "https://example.com/a.png"},
    {"avatar_url": "https://example.com/b.png"},
    {"custom_attributes": {"plan": "pro"}},
    {"custom_attributes": {"plan": None, "city": ""}},
    {"custom_attributes": {"plan": {"seats": 3}}},
    {"custom_attributes": {"plan": {"seats": None, "tags": ["a"]}}},
]
SENT = st.tuples(*[st.sampled_from(FIELDS)] * 3).map(lambda fields: dict(ChainMap(*fields)))
CLAIMS = st.none() | IDENTIFIERS
PLACES = st.sampled_from(list(INBOXES))
STAFF_ACTS = ["merge", "clear", "identify", "block", "unblock", "delete", "rotate", "rotate at once", "revoke"]
FORGERIES = st.sampled_from(["of another identifier", "of another inbox", "of a revoked key", "in capitals", "public"])


class Identity(IdentityCalls):
    sessions = Bundle("sessions")

    @initialize(target=sessions)
    def begin(self):
        """Let some be there already: a visitor, two who share a claim, a signer, one who has lost the identifier."""
        sharing, claim = self.places["sharing"], {"identifier": "u1"}
        lost = self.settled(self.places["optional"], {"identifier": "7"}, signed=True)
        self.reach = {lost.person.pk}
        self.set_identifier(lost.person, None)
        return multiple(
            lost,
            self.settled(self.places["optional"], {"identifier": "U1", "custom_attributes": {"plan": "pro"}}),
            self.settled(sharing, {**claim, "name": "Ada", "custom_attributes": {"plan": {"seats": 3}}}),
            self.settled(sharing, {**claim, "email": "grace@example.com"}),
            self.settled(self.places["mandatory"], {**claim, "custom_attributes": {"plan": "free"}}, signed=True),
        )

    def settled(self, *args, **kwargs):
        self.the_property_holds()
        return self.create(*args, **kwargs)

    # Visitors, and the thief: who sends the same fields, and knows all that has ever been public.

    @rule(target=sessions, place=PLACES, claim=CLAIMS, sent=SENT, twice=st.booleans())
    def visit(self, place, claim, sent, twice):
        fields = {"identifier": claim, **sent} if claim else sent
        return self.create(self.places[place], fields, twice=twice) or multiple()

    @rule(session=sessions, claim=CLAIMS, sent=SENT)
    def change(self, session, claim, sent):
        self.update(session, {"identifier": claim, **sent} if claim else sent)

    @rule(session=sessions, identifier=CLAIMS)
    def read(self, session, identifier):
        self.retrieve(session, identifier)

    @rule(target=sessions, session=sessions, victim=sessions)
    def take_everything_of_somebody(self, session, victim):
        known = _public_values(victim.person)
        self.update(session, known)
        self.the_property_holds()
        return self.create(session.place, known) or multiple()

    @rule(session=sessions, place=PLACES, identifier=IDENTIFIERS)
    def come_through_another_inbox(self, session, place, identifier):
        if self.places[place] is not session.place:
            self.is_not_found(self.places[place], session.source_id, identifier)

    @rule(session=sessions, identifier=IDENTIFIERS, forgery=FORGERIES, method=st.sampled_from(["get", "post", "patch"]))
    def forge(self, session, identifier, forgery, method):
        place = session.place
        proof = self.forged(place, identifier, forgery)
        if method == "get":
            response = self.get(place, session.source_id, proof)
        elif method == "patch":
            response = self.patch(place, session.source_id, {**proof, "name": "Thief"})
        else:
            response = self.post(place, {**proof, "name": "Thief"})
        assert response.status_code == 401

    # Signers.

    @rule(target=sessions, place=PLACES, identifier=IDENTIFIERS, sent=SENT, twice=st.booleans())
    def sign_up(self, place, identifier, sent, twice):
        fields = {"identifier": identifier, **sent}
        return self.create(self.places[place], fields, signed=True, twice=twice) or multiple()

    @rule(session=sessions, identifier=IDENTIFIERS, sent=SENT)
    def sign_in(self, session, identifier, sent):
        before = session.source_id
        self.update(session, {"identifier": identifier, **sent}, signed=True)
        if session.source_id != before:
            self.is_not_found(session.place, before, identifier)

    # Staff.

    @rule(session=sessions, other=sessions, identifier=IDENTIFIERS.map(str), act=st.sampled_from(STAFF_ACTS))
    def act_as_staff(self, session, other, identifier, act):
        person = session.person
        if act in ("rotate", "rotate at once", "revoke"):
            self.change_keys(session.place, act)
        elif person in self.world.people:
            self.reach = {person.pk}
            if act == "merge":
                self.merge(person, other.person)
            elif act in ("identify", "clear"):
                self.set_identifier(person, identifier if act == "identify" else None)
            elif act == "delete":
                _contact(person).delete()
                self.world.delete(person)
            else:
                person.blocked = act == "block"
                Contact.objects.filter(pk=person.pk).update(blocked=person.blocked)

    def merge(self, base, mergee):
        if mergee is base or mergee not in self.world.people:
            return
        self.reach.add(mergee.pk)
        if base.account_id == mergee.account_id:
            merge(_contact(base), _contact(mergee))
            self.world.merge(base, mergee)
        else:
            with pytest.raises(ValueError, match="one account"):
                merge(_contact(base), _contact(mergee))

    def set_identifier(self, person, identifier):
        contact = _contact(person)
        contact.identifier = identifier
        if self.world.is_taken(identifier, by_other_than=person):
            with pytest.raises(ValidationError):
                contact.full_clean()
        else:
            contact.full_clean()
            contact.save()
            person.identifier = identifier
            person.take(identifier, proven=True, shared=False)

    def change_keys(self, place, act):
        rotate_hmac_token(place.inbox, timedelta(days=0 if act == "rotate at once" else 7))
        kept = [place.inbox.hmac_token, *(place.keys[:1] if act == "rotate" else [])]
        place.revoked += [key for key in place.keys if key not in kept]
        place.keys = kept
        if act == "revoke":
            revoke_previous_hmac_token(place.inbox)
        if place.revoked:
            assert self.post(place, self.forged(place, "u1", "of a revoked key")).status_code == 401


def _contact(person: Person) -> Contact:
    return Contact.objects.get(pk=person.pk)


def _public_values(person: Person) -> dict[str, str]:
    known = {"identifier": person.identifier or person.claim, **person.values}
    return {name: value for name, value in known.items() if value}


@pytest.mark.django_db
@pytest.mark.parametrize("half", ["first", "second"])  # of 80 sequences: two processes share them
def test_no_sequence_of_calls_lets_anybody_meet_somebody_else(settings, half):
    settings.MIDDLEWARE = ["inboxes.middleware.PublicAPIMiddleware"]  # of thousands of calls, the rest would be a third
    run_state_machine_as_test(
        Identity,
        settings=hypothesis.settings(max_examples=40, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
