"""Visitors: clients that make signed calls, tell the ledger of each, and count what came back."""

import gc
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from bench.calls import CONTACTS, Request, signed
from bench.progress import say

from .client import Answer, Client
from .ledger import Ledger, Session, Write
from .tally import NO_ANSWER, Tally, result, total

PAUSE = 0.05  # seconds after a call that nobody could answer, so that who is away is not stormed
PROGRESS = 10  # seconds between two lines
WRONG = "wrong answer"
Done = TypeVar("Done")


@dataclass
class Visitor:
    """A client in a thread of its own, who signs for identifiers that begin with its ``name``."""

    name: str
    client: Client
    ledger: Ledger
    tally: Tally = field(default_factory=Tally)
    sessions: list[Session] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identifiers = (f"{self.name}-{number}" for number in itertools.count())

    def create(self) -> None:
        """Sign for somebody new."""
        self.sign_for(next(self.identifiers))

    def sign_for(self, identifier: str) -> None:
        write = self.ledger.begin(identifier)
        if session := self.ledger.end(write, self.call(signed_request("POST", CONTACTS, write))):
            self.sessions.append(session)

    def update(self, session: Session) -> None:
        write = self.ledger.begin(session.identifier)
        request = signed_request("PATCH", f"{CONTACTS}/{session.source_id}", write)
        self.ledger.end(write, self.call(request, session))

    def read(self, session: Session) -> None:
        self.call(Request("GET", f"{CONTACTS}/{session.source_id}"), session)

    def mix(self) -> None:
        """Make one call: 70 % of all are reads, 20 % updates, 10 % creates, every other of somebody known."""
        drawn, session = random.random(), self.any_session()  # noqa: S311
        if session is None or drawn < 0.05:
            self.create()
        elif drawn < 0.1:
            self.sign_for(session.identifier)
        elif drawn < 0.3:
            self.update(session)
        else:
            self.read(session)

    def any_session(self) -> Session | None:
        return random.choice(self.sessions) if self.sessions else None  # noqa: S311

    def call(self, request: Request, session: Session | None = None, **headers: str) -> Answer | None:
        """Return the answer; one that shows another session than the one asked for is an error."""
        sent = time.monotonic()
        answer = self.client.send(request, **headers)
        came = result(answer)
        if session and answer and came == "200" and not session.shown(answer.body):
            came = WRONG
        self.tally.note(sent, came)
        if came == NO_ANSWER or came.startswith("503"):
            time.sleep(PAUSE)
        return answer


def visitors(
    number: int, address: str, ledger: Ledger, kind: Callable[[str, Client, Ledger], Visitor] = Visitor
) -> list[Visitor]:
    return [kind(f"visitor-{each}", Client(address), ledger) for each in range(number)]


def signed_request(method: str, path: str, write: Write) -> Request:
    return Request(method, path, json.dumps({**signed(write.identifier), **write.values}))


def visiting(visitors: Sequence[Visitor], act: Callable[[Visitor], None], seconds: float) -> Tally:
    """Let each visitor do ``act`` again and again for so long; return what came back."""
    end = time.monotonic() + seconds

    def visit(visitor: Visitor) -> None:
        while time.monotonic() < end:
            act(visitor)

    return together(visitors, visit)


def visiting_during(
    work: Callable[[], Done], visitors: Sequence[Visitor], act: Callable[[Visitor], None]
) -> tuple[Done, Tally]:
    """Let each visitor do ``act`` again and again while ``work`` lasts; return its result, and what came back."""
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)

        def visit(visitor: Visitor) -> None:
            while not working.done():
                act(visitor)

        tally = together(visitors, visit)
        return working.result(), tally


def together(visitors: Sequence[Visitor], visit: Callable[[Visitor], None]) -> Tally:
    """Let all visitors make their visit at the same time; return what came back, in the order of time."""
    for visitor in visitors:
        visitor.tally = Tally()
    with _undisturbed(), ThreadPoolExecutor(len(visitors)) as pool:
        running = [pool.submit(visit, visitor) for visitor in visitors]
        while wait(running, timeout=PROGRESS).not_done:
            say(f"  {sum(len(visitor.tally.replies) for visitor in visitors)} calls")
        for each in running:
            each.result()
    tally = total(visitor.tally for visitor in visitors)
    say(f"  Answers: {dict(tally.results)}")
    return tally


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector from looking through all that the ledger holds: calls would seem that much slower."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
