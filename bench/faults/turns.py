"""Troubles of a PostgreSQL server, one after the other, and when each was."""

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.progress import say

from .postgresql import Cluster
from .tally import Tally

STOPPED = "stopped"
CUT_EVERY = 0.1  # seconds
TABLE = "inquirly_contacts_contact"
# Parts of a turn: how long the server is away, is left in peace after its start, is in trouble, and is well again.
AWAY, PEACE, TROUBLE, AFTER = 0.1, 0.3, 0.4, 0.2


def cut(cluster: Cluster, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        cluster.cut()
        time.sleep(CUT_EVERY)


def lock(cluster: Cluster, seconds: float) -> None:
    with cluster.locked(TABLE):
        time.sleep(seconds)


@dataclass(frozen=True)
class Trouble:
    """Settings that the server is started with or takes on the run, and what is done in the meantime."""

    name: str
    started_with: dict[str, str] = field(default_factory=dict)
    changed_to: dict[str, str] = field(default_factory=dict)
    act: Callable[[Cluster, float], None] = lambda cluster, seconds: time.sleep(seconds)


TROUBLES = (
    Trouble("connections cut", act=cut),
    # Of these the site, which has 8 threads, gets 2.
    Trouble("too few connections", started_with={"max_connections": "10", "superuser_reserved_connections": "8"}),
    Trouble("read-only", changed_to={"default_transaction_read_only": "on"}),
    Trouble("statement timeout", changed_to={"statement_timeout": "20ms"}, act=lock),
)


@dataclass
class Turns:
    """In each turn, every so many seconds, the server is stopped, started again, and has another one of the troubles.

    ``starts`` are the moments when it was told to start, ``spans`` those when a trouble began and ended.
    """

    cluster: Cluster
    every: float
    starts: list[float] = field(default_factory=list)
    spans: list[tuple[str, float, float]] = field(default_factory=list)
    troubles: Iterator[Trouble] = field(default_factory=lambda: itertools.cycle(TROUBLES))

    def take(self, seconds: float) -> None:
        """Take turns for so long."""
        for _turn in range(int(seconds / self.every)):
            self.turn(next(self.troubles))

    def turn(self, trouble: Trouble) -> None:
        """Let the server have its trouble; in the end nothing is left of that."""
        end = time.monotonic() + self.every
        say(f"  Stopped; {trouble.name} next")
        self.restart(trouble.started_with)
        time.sleep(PEACE * self.every)
        with self.span(trouble.name):
            self.cluster.configure(**trouble.changed_to)
            trouble.act(self.cluster, TROUBLE * self.every)
            self.cluster.configure()
        time.sleep(max(AFTER * self.every, end - time.monotonic()))

    def restart(self, settings: dict[str, str]) -> None:
        with self.span(STOPPED):
            self.cluster.stop()
            self.cluster.configure(**settings)
            time.sleep(AWAY * self.every)
            self.starts.append(time.monotonic())
            self.cluster.start()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.spans.append((name, begin, time.monotonic()))

    def slowest_start(self, tally: Tally) -> float:
        """Return the most seconds from a start to the next success; to the last reply where none came."""
        successes = [reply.at for reply in tally.replies if reply.result == "200"]
        last = tally.replies[-1].at
        return max(next((at for at in successes if at >= start), last) - start for start in self.starts)

    def lasting(self, tally: Tally) -> int:
        """Return how many troubles were over without any success before the next stop."""
        successes = [reply.at for reply in tally.replies if reply.result == "200"]
        ends = [end for name, _begin, end in self.spans if name != STOPPED]
        stops = [*(begin for name, begin, _end in self.spans if name == STOPPED), math.inf]
        nexts = [next(stop for stop in stops if stop >= end) for end in ends]
        return sum(not any(end <= at < stop for at in successes) for end, stop in zip(ends, nexts, strict=True))

    def felt(self, tally: Tally) -> dict[str, int]:
        """Return by trouble how many calls failed in its time."""
        failed = Counter(
            name
            for reply in tally.replies
            for name, begin, end in self.spans
            if reply.result != "200" and begin <= reply.at <= end
        )
        return {name: failed[name] for name in (STOPPED, *(trouble.name for trouble in TROUBLES))}
