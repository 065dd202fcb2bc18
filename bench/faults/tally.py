"""What came back, how often, and how long it took."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .client import Answer

NO_ANSWER = "no answer"


class Reply(NamedTuple):
    """``at`` is when it came, in seconds of the monotonic clock; ``seconds`` how long it took."""

    at: float
    result: str
    seconds: float


@dataclass
class Tally:
    """For one thread, until it is summed up."""

    replies: list[Reply] = field(default_factory=list)

    def note(self, sent: float, result: str) -> None:
        now = time.monotonic()
        self.replies.append(Reply(now, result, now - sent))

    @property
    def results(self) -> Counter[str]:
        return Counter(reply.result for reply in self.replies)

    def unlike(self, *results: str) -> int:
        """Return how many replies were none of these."""
        return sum(reply.result not in results for reply in self.replies)

    def percentile(self, part: float) -> float:
        """Return the milliseconds within which ``part`` of the successes came; 0 when there was none."""
        return percentile([reply.seconds for reply in self.replies if reply.result == "200"], part) * 1000


def total(tallies: Iterable[Tally]) -> Tally:
    """Return all replies in the order in which they came."""
    return Tally(sorted(reply for tally in tallies for reply in tally.replies))


def percentile(figures: Sequence[float], part: float) -> float:
    """Return the least of the figures that at least ``part`` of them do not exceed; 0 when there is none."""
    return sorted(figures)[math.ceil(len(figures) * part) - 1] if figures else 0.0


def result(answer: Answer | None) -> str:
    """Return the status as text, with what is wrong about the answer beside it."""
    if answer is None:
        return NO_ANSWER
    if answer.status == 503 and "retry-after" not in answer.headers:
        return "503 without Retry-After"
    return str(answer.status)
