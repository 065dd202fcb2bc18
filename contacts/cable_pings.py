"""Every connection hears a ping every few seconds: from one task for all of a process, and not all at once."""

import asyncio
from collections import deque
from typing import Protocol

from . import cable

SECONDS = 3.0  # between two pings of a connection
TURNS = 30  # into which these are divided, so that thousands of pings do not hold up an event


class Connection(Protocol):
    def ping(self, frame: str) -> None: ...


class Round:
    """The connections of one event loop, each in the turn in which it is pinged."""

    def __init__(self) -> None:
        self.turns: deque[set[Connection]] = deque(set() for _turn in range(TURNS))
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SECONDS / TURNS)
            self.turns.rotate(-1)
            frame = cable.ping()
            for connection in [*self.turns[0]]:  # one that is given up leaves
                connection.ping(frame)


_rounds: dict[asyncio.AbstractEventLoop, Round] = {}


def join(connection: Connection) -> None:
    """Ping ``connection`` from now on: first when a whole round has passed."""
    loop = asyncio.get_running_loop()
    if loop not in _rounds:
        _rounds[loop] = Round()
    _rounds[loop].turns[0].add(connection)


def leave(connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    if (round_ := _rounds.get(loop)) is None:
        return
    for turn in round_.turns:
        turn.discard(connection)
    if not any(round_.turns):
        round_.task.cancel()
        del _rounds[loop]
