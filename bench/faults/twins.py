"""The site twice, on SQLite and on PostgreSQL, and what both answer to the same calls."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.calls import CONTACTS, Request, signed
from bench.progress import say
from bench.server import ask

from . import production

ATTEMPTS = 3  # what is different once and alike afterwards was a matter of time
SHOWN = 10  # findings of each kind


@dataclass
class Twin:
    """One of the two sites; ``sessions`` are the source ids of an unknown visitor and of somebody who signed in."""

    name: str
    address: str
    sessions: tuple[str, ...] = ()

    def open_sessions(self, identifier: str) -> None:
        bodies = ("{}", json.dumps(signed(identifier)))
        opened = [json.loads(ask(self.address, Request("POST", CONTACTS, body))) for body in bodies]
        self.sessions = tuple(session["source_id"] for session in opened)


class Heard(NamedTuple):
    """The statuses that came, more than one where what was sent was more than one request; and what was wrong."""

    statuses: list[int]
    complaint: str = ""


class Call(NamedTuple):
    """``send`` makes the call of a twin; the attempt, from 0, says how patient to be."""

    text: str
    send: Callable[[Twin, int], Heard]


@dataclass
class Twins:
    """``answers`` counts what came, and ``findings``, by kind, what should not have been."""

    twins: tuple[Twin, Twin]
    pool: ThreadPoolExecutor
    answers: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return sum(self.answers.values())

    def open_sessions(self, identifier: str) -> None:
        for twin in self.twins:
            twin.open_sessions(identifier)

    def compare(self, call: Call) -> None:
        """Make a call of both at once, and again as long as they do not agree."""
        for attempt in range(ATTEMPTS):
            first, second = self.pool.map(call.send, self.twins, (attempt, attempt))
            for heard in (first, second):
                if any(status >= 500 for status in heard.statuses):
                    self.note("5xx", call, first, second)
                if heard.complaint:
                    self.note("promise broken", call, first, second)
            if first.statuses == second.statuses:
                break
        else:
            self.note("different", call, first, second)
        self.answers[" and ".join(map(str, first.statuses)) or "nothing"] += 1

    def note(self, kind: str, call: Call, first: Heard, second: Heard) -> None:
        self.findings[kind] += 1
        if self.findings[kind] <= SHOWN:
            say(f"  {kind}: {first} {second}\n    {call.text}")


@contextmanager
def twins() -> Iterator[Twins]:
    with tempfile.TemporaryDirectory() as directory, production.database("fuzz") as postgresql:
        sqlite = f"sqlite:///{directory}/db.sqlite3"
        production.prepare(sqlite)
        with production.site(sqlite) as first, production.site(postgresql) as second, ThreadPoolExecutor(2) as pool:
            yield Twins((Twin("SQLite", first.address), Twin("PostgreSQL", second.address)), pool)
