"""Every kind of call and of staff's work, at once and on few contacts. Django has to be set up before this is imported.

A signed call sends its identifier as the name too, and no other call sends a name: so a name shows whose call it was.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

from django.db import DatabaseError, connections

from bench.calls import CONTACTS, HMAC_TOKEN, INBOX, Request, signed
from contacts.models import Contact, ContactInbox
from inboxes.models import Account, Inbox

from .client import Client
from .command import Bar
from .invariants import broken
from .staff import block, delete, merge_if_there, unblock
from .tally import Tally, result
from .visitors import WRONG

IDENTIFIERS = [f"user-{number}" for number in range(5)]
KINDS = ("hmac_mandatory", "match_claims")  # of inboxes, beside the usual one
EXPECTED = ("200", "401", "403", "404")  # as it befits who was slower than somebody else
SECONDS_TO_MEET = 60
PART = 50  # rounds, after which the rules are checked: what is broken may be mended by chance later


def make_inboxes() -> None:
    """Make an inbox of each kind; nobody is there to begin with."""
    Contact.objects.all().delete()
    account = Account.objects.get()
    for kind in KINDS:
        Inbox.objects.create(account=account, name=kind, identifier=kind, hmac_token=HMAC_TOKEN, **{kind: True})


@dataclass
class Player:
    """A visitor and a member of staff at once; ``ended`` are the sessions that sign-ins have replaced."""

    client: Client
    tally: Tally = field(default_factory=Tally)
    ended: set[str] = field(default_factory=set)
    merges: int = 0

    def play(self, rounds: int, start: Barrier) -> None:
        """Act once a round, at the same moment as all others."""
        acts = (self.create, self.create, self.update, self.update, self.read, self.merge, self.manage)
        try:
            for _round in range(rounds):
                start.wait(SECONDS_TO_MEET)
                _one_of(acts)()
        finally:
            connections.close_all()

    def create(self) -> None:
        self.call("POST", _one_of((INBOX, *KINDS)), **_one_of((_signed, _claim))())

    def update(self) -> None:
        """Sign in or change; a sign-in ends the session as it was known before."""
        if session := ContactInbox.objects.select_related("inbox").order_by("?").first():
            fields = _one_of((_signed, _claim, _change))()
            shown = self.call("PATCH", session.inbox.identifier, f"/{session.source_id}", **fields)
            if shown and "identifier_hash" in fields and not session.hmac_verified:
                self.ended.add(session.source_id)

    def read(self) -> None:
        if session := ContactInbox.objects.select_related("inbox").order_by("?").first():
            self.call("GET", session.inbox.identifier, f"/{session.source_id}")

    def merge(self) -> None:
        contacts = Contact.objects.order_by("?").values_list("pk", flat=True)[:2]
        if len(contacts) == 2 and self.manage_as(merge_if_there, *contacts):
            self.merges += 1

    def manage(self) -> None:
        for pk in Contact.objects.order_by("?").values_list("pk", flat=True)[:1]:
            self.manage_as(_one_of((block, unblock, delete)), pk)

    def manage_as(self, act: Callable[..., bool | None], *contacts: int) -> bool | None:
        """Return what staff's ``act`` returns; what the database refuses is an error here too."""
        sent = time.monotonic()
        try:
            done = act(*contacts)
        except DatabaseError as error:
            self.tally.note(sent, type(error).__name__)
            return None
        self.tally.note(sent, "200")
        return done

    def call(self, method: str, inbox: str, path: str = "", **fields: object) -> dict[str, object] | None:
        """Return the contact that is shown, if any; a signed call that is shown somebody else is an error."""
        sent = time.monotonic()
        body = json.dumps(fields) if fields else ""
        answer = self.client.send(Request(method, CONTACTS.replace(f"/{INBOX}/", f"/{inbox}/") + path, body))
        shown: dict[str, object] | None = answer.body if answer and answer.status == 200 else None
        wrong = shown and "identifier_hash" in fields and shown["name"] != fields["identifier"]
        self.tally.note(sent, WRONG if wrong else result(answer))
        return shown


def play(players: Sequence[Player], url: str, rounds: int) -> list[Bar]:
    """Let all play, and return of each rule the first time that it was broken, else how it stands in the end."""
    checks = []
    for played in range(0, rounds, PART):
        _play(players, min(PART, rounds - played))
        ended = set[str]().union(*(player.ended for player in players))
        checks.append(broken(url, ended, sum(player.merges for player in players)))
    return [next((bar for bar in bars if not bar.met), bars[-1]) for bars in zip(*checks, strict=True)]


def _play(players: Sequence[Player], rounds: int) -> None:
    start = Barrier(len(players))
    with ThreadPoolExecutor(len(players)) as pool:
        for playing in [pool.submit(player.play, rounds, start) for player in players]:
            playing.result()


def _one_of(these: Sequence[Any]) -> Any:
    return random.choice(these)  # noqa: S311


def _signed() -> dict[str, object]:
    identifier = _one_of(IDENTIFIERS)
    return {**signed(identifier), "name": identifier}


def _claim() -> dict[str, object]:
    return {"identifier": _one_of(IDENTIFIERS)}


def _change() -> dict[str, object]:
    return {"custom_attributes": {"chance": random.random()}}  # noqa: S311
