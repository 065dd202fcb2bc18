"""Updates that are sent at a steady pace, and what sockets have heard of them."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from .calls import CONTACTS, Request, source_id
from .faults.client import Client
from .faults.tally import percentile, result
from .sockets import Arrival

THREADS = 4


class Update(NamedTuple):
    """A PATCH that gave contact ``number`` a ``name`` that nobody had; times are of the monotonic clock."""

    number: int
    name: str
    sent: float
    answered: float
    result: str


def send(address: str, numbers: Sequence[int], round_: str, per_second: int) -> list[Update]:
    """Change each contact of ``numbers``, which are all different, and return what came of it."""
    start = time.monotonic()

    def every(first: int) -> list[Update]:
        client = Client(address)
        updates = []
        for turn in range(first, len(numbers), THREADS):
            time.sleep(max(0.0, start + turn / per_second - time.monotonic()))
            updates.append(_update(client, numbers[turn], f"{round_} {turn}"))
        client.connection.close()
        return updates

    with ThreadPoolExecutor(THREADS) as pool:
        return [update for updates in pool.map(every, range(THREADS)) for update in updates]


def _update(client: Client, number: int, name: str) -> Update:
    sent = time.monotonic()
    answer = client.send(Request("PATCH", f"{CONTACTS}/{source_id(number)}", json.dumps({"name": name})))
    return Update(number, name, sent, time.monotonic(), result(answer))


@dataclass(frozen=True)
class Heard:
    """What sockets have heard of ``updates``; every one of them should have arrived once, at its own socket."""

    updates: Sequence[Update]
    arrivals: Sequence[Arrival]

    @property
    def lost(self) -> list[Update]:
        arrived = {(arrival.number, arrival.name) for arrival in self.arrivals}
        return [update for update in self.updates if (update.number, update.name) not in arrived]

    @property
    def doubled(self) -> int:
        return sum(Counter(self._right).values()) - len(set(self._right))

    @property
    def astray(self) -> int:
        """How many arrived at a socket of somebody else, or are no news of these updates."""
        return len(self.arrivals) - len(self._right)

    @property
    def other_answers(self) -> int:
        return sum(update.result != "200" for update in self.updates)

    def delays(self) -> dict[str, float]:
        """Return how long the events took, from the request and from the answer: the commit is between the two."""
        at = {arrival.name: arrival.at for arrival in reversed(self.arrivals)}
        heard = [update for update in self.updates if update.name in at]
        since = {
            "request": [(at[update.name] - update.sent) * 1000 for update in heard],
            "answer": [(at[update.name] - update.answered) * 1000 for update in heard],
        }
        return {
            f"p{round(part * 100)} ms from the {start}": percentile(figures, part)
            for start, figures in since.items()
            for part in (0.5, 0.99)
        }

    @property
    def _right(self) -> list[tuple[int, str]]:
        expected = {(update.number, update.name) for update in self.updates}
        found = [(arrival.number, arrival.name) for arrival in self.arrivals if arrival.event == "contact.updated"]
        return [one for one in found if one in expected]
