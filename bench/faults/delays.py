"""How much longer than usual calls took when something was wrong that they need not wait for."""

from collections.abc import Iterable
from typing import NamedTuple

from .tally import Tally, percentile

FIRST = 0.5  # seconds in which it may be found out that something is wrong
SLOW = 100  # milliseconds


class Turn(NamedTuple):
    """When its quiet, its fault and it ended; ``counted`` says whether calls were counted in the end."""

    fault: str
    quiet: float
    begin: float
    end: float
    counted: bool


class Delays(NamedTuple):
    """Milliseconds by which calls took longer than usual: the first ones of a fault, and the others."""

    fault: str
    first: list[float]
    later: list[float]


def delays(turn: Turn, tally: Tally) -> Delays:
    """Compare the calls of a turn with the median of its quiet; a call belongs to the moment when it was sent."""
    calls = [(reply.at - reply.seconds, reply.seconds * 1000) for reply in tally.replies]
    usual = percentile([took for sent, took in calls if turn.quiet <= sent < turn.begin], 0.5)
    told = turn.begin + FIRST
    first = [took - usual for sent, took in calls if turn.begin <= sent < told]
    return Delays(turn.fault, first, [took - usual for sent, took in calls if told <= sent < turn.end])


def waited(delays: Iterable[float]) -> float:
    """Return the seconds that those take together that are too long."""
    return sum(delay for delay in delays if delay > SLOW) / 1000


def slow(delays: Iterable[float]) -> int:
    """Return how many are too long."""
    return sum(delay > SLOW for delay in delays)
