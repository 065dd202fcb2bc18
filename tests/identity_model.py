"""What the rules of identity come to, for one call after the other: without database, locks or requests.

Written from the rules and not from the code, so that the two can be held against each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from inboxes.models import Inbox

FILLED = ("name", "email", "phone_number", "avatar_url")
PROTECTED = ("identifier", "email", "phone_number")


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(eq=False)
class Place:
    """An inbox, the keys that are valid now and those that were revoked."""

    inbox: Inbox
    keys: list[str]
    revoked: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return self.inbox.name


@dataclass(eq=False)
class Person:
    account_id: int
    identifier: str | None = None
    claim: str = ""
    shared: bool = False
    values: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FILLED, ""))
    attributes: dict[str, Any] = field(default_factory=dict)
    blocked: bool = False
    pk: int | None = None  # None until the database has given one

    def take(self, identifier: str | None, *, proven: bool, shared: bool) -> None:
        if identifier is not None and proven:
            self.identifier, self.claim, self.shared = identifier, "", False
        elif identifier is not None and self.identifier is None:
            self.claim, self.shared = identifier, shared

    def store(self, sent: dict[str, Any]) -> None:
        self.values.update({name: sent[name] for name in FILLED if name in sent})
        self.attributes = deeply(self.attributes, sent.get("custom_attributes", {}))

    def fill(self, other: "Person") -> None:
        self.values = {name: self.values[name] or other.values[name] for name in FILLED}
        self.attributes = deeply(other.attributes, self.attributes)

    def differs(self, name: str, value: str) -> bool:
        return value != (self.identifier if name == "identifier" else self.values[name])


@dataclass(eq=False)
class Session:
    place: Place
    person: Person
    verified: bool
    source_id: str | None = None  # None: the answer has to bring a new one
    pubsub_token: str | None = None

    def __repr__(self) -> str:
        return f"{self.source_id}"


class World:
    def __init__(self) -> None:
        self.people: list[Person] = []
        self.sessions: list[Session] = []

    def create(self, place: Place, sent: dict[str, Any], *, signed: bool) -> Session:
        if place.inbox.hmac_mandatory and not signed:
            raise Refused(401)
        person = self.find(place, sent, signed=signed) or self.add(place, sent, signed=signed)
        if person.blocked:
            raise Refused(403)
        person.store(sent)
        session = Session(place, person, verified=signed)
        self.sessions.append(session)
        return session

    def read(self, session: Session, identifier: str | None) -> None:
        if session not in self.sessions:
            raise Refused(404)
        proven = session.verified or not session.place.inbox.hmac_mandatory
        if (not proven) if identifier is None else (identifier != session.person.identifier):
            raise Refused(401)

    def update(self, session: Session, sent: dict[str, Any], *, signed: bool) -> None:
        own, place = session.person, session.place
        if place.inbox.hmac_mandatory and not signed:
            raise Refused(401)
        if session not in self.sessions:
            raise Refused(404)
        protected = ("identifier",) if signed else PROTECTED
        if own.identifier and any(name in sent and own.differs(name, sent[name]) for name in protected):
            raise Refused(401)
        target = self.destination(session, sent, signed=signed)
        if own.blocked or (target is not None and target.blocked):
            raise Refused(403)
        signs_in = signed and not (session.verified and own.identifier)
        if target is not own:
            self.move(session, target or self.add(place, sent, signed=signed), sent, signed=signed)
        elif own.identifier is None:
            own.take(sent.get("identifier"), proven=signed, shared=place.inbox.match_claims)
        session.person.store(sent)
        if signs_in:
            session.verified, session.source_id, session.pubsub_token = True, None, None

    def find(self, place: Place, sent: dict[str, Any], *, signed: bool) -> Person | None:
        """Return whom the identifier names: proven, the verified person; else, where claims match, the shared one."""
        if "identifier" not in sent or not (signed or place.inbox.match_claims):
            return None
        key = (sent["identifier"], "", False) if signed else (None, sent["identifier"], True)
        account = [person for person in self.people if person.account_id == place.inbox.account_id]
        return next((one for one in account if (one.identifier, one.claim, one.shared) == key), None)

    def add(self, place: Place, sent: dict[str, Any], *, signed: bool) -> Person:
        person = Person(place.inbox.account_id)
        person.take(sent.get("identifier"), proven=signed, shared=place.inbox.match_claims)
        self.people.append(person)
        return person

    def destination(self, session: Session, sent: dict[str, Any], *, signed: bool) -> Person | None:
        """Return the person whom the session is with afterwards, None for a new one."""
        own = session.person
        leads = "identifier" in sent and own.identifier is None and (signed or session.place.inbox.match_claims)
        if not leads or (own.shared and own.claim == sent["identifier"] and not signed):
            return own
        return self.find(session.place, sent, signed=signed) or (None if self.stays(session, signed=signed) else own)

    def stays(self, session: Session, *, signed: bool) -> bool:
        """Return whether the person is still there for others when the session goes elsewhere."""
        return len(list(self.sessions_of(session.person))) > 1 or (session.person.shared and not signed)

    def move(self, session: Session, target: Person, sent: dict[str, Any], *, signed: bool) -> None:
        if not self.stays(session, signed=signed):
            target.fill(session.person)
            self.people.remove(session.person)
        session.person = target

    def merge(self, base: Person, mergee: Person) -> None:
        base.fill(mergee)
        if base.identifier is None and (mergee.identifier or not base.claim):
            base.identifier, base.claim, base.shared = mergee.identifier, mergee.claim, mergee.shared
        for session in self.sessions_of(mergee):
            session.person = base
        self.people.remove(mergee)

    def delete(self, person: Person) -> None:
        self.people = [one for one in self.people if one is not person]
        self.sessions = [session for session in self.sessions if session.person is not person]

    def is_taken(self, identifier: str | None, *, by_other_than: Person) -> bool:
        key = by_other_than.account_id, identifier
        others = (one for one in self.people if one is not by_other_than and one.identifier is not None)
        return any((one.account_id, one.identifier) == key for one in others)

    def sessions_of(self, person: Person) -> Iterator[Session]:
        return (session for session in self.sessions if session.person is person)


def deeply(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return ``below`` with ``above`` on top: objects merge, null removes, the rest replaces."""
    both = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            value = deeply(below[key] if isinstance(below.get(key), dict) else {}, value)
        both[key] = value
    return {key: value for key, value in both.items() if value is not None}
