"""What was acknowledged, to be compared with what is stored.

A write sends one number, from which the name and the email of its contact are made: a row whose two values do not come
from one and the same write was mixed up. Every write is signed, so that contacts have identifiers.
"""

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock

from bench.calls import CREATED

from .client import Answer


@dataclass(slots=True, eq=False)
class Write:
    """``sent`` and ``answered`` are seconds of the monotonic clock; what has no answer may come true at any time."""

    identifier: str
    number: int
    sent: float
    answered: float = math.inf

    @property
    def acknowledged(self) -> bool:
        return self.answered < math.inf

    @property
    def values(self) -> dict[str, str]:
        """Return the fields to send."""
        return {"name": f"Name {self.number}", "email": f"email-{self.number}@example.com"}


@dataclass(slots=True, frozen=True)
class Session:
    id: int
    source_id: str
    identifier: str

    def shown(self, body: Mapping[str, object]) -> bool:
        """Return whether the body of an answer is about this session."""
        return (body["id"], body["source_id"]) == (self.id, self.source_id)


@dataclass
class Ledger:
    """For any number of threads. ``writes`` are, by identifier, those whose values may be what is stored now."""

    writes: dict[str, list[Write]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(CREATED))
    acknowledged: int = 0
    lock: Lock = field(default_factory=Lock)

    def begin(self, identifier: str) -> Write:
        """Return a new write; to be called before it is sent."""
        with self.lock:
            write = Write(identifier, next(self.numbers), time.monotonic())
            self.writes.setdefault(identifier, []).append(write)
            return write

    def found(self, session: Session) -> None:
        """Note a session that was there from the first, with the values of its id, unless it is known already."""
        with self.lock:
            self.sessions.setdefault(session.source_id, session)
            self.writes.setdefault(session.identifier, [Write(session.identifier, session.id, -math.inf, -math.inf)])

    def end(self, write: Write, answer: Answer | None) -> Session | None:
        """Note the answer to a write, and return the session that it names if the write was acknowledged.

        No answer, or one of 500 and above, leaves both possible: that it was carried out, and that it was not.
        """
        with self.lock:
            if answer is not None and answer.status == 200:
                return self._acknowledge(write, answer.body)
            if answer is not None and answer.status < 500:
                self.writes[write.identifier].remove(write)
        return None

    def _acknowledge(self, write: Write, shown: Mapping[str, object]) -> Session:
        self.acknowledged += 1
        write.answered = time.monotonic()
        # What was answered before this one was sent is no longer stored.
        self.writes[write.identifier] = [
            other for other in self.writes[write.identifier] if other.answered >= write.sent
        ]
        session = Session(int(str(shown["id"])), str(shown["source_id"]), write.identifier)
        return self.sessions.setdefault(session.source_id, session)
