"""Many sockets on ``/cable``, one for each session, in an event loop of a thread of their own."""

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from .calls import ORIGIN
from .load import Refused

AT_ONCE = 50  # that are connecting at any moment
SECONDS_TO_OPEN = 60
PAUSE = (1, 2)  # seconds, before a socket that was lost is opened again
PING = '{"type":"ping"'  # most frames by far: they are not parsed


class Arrival(NamedTuple):
    """What the socket of contact ``number`` has received: ``at`` is in seconds of the monotonic clock."""

    number: int
    event: str
    name: str
    at: float


class Sockets:
    """Clients of the ASGI process at ``address``; ``tokens`` are the pubsub_tokens by the numbers of their contacts.

    A socket that is lost is opened again, as clients do.
    """

    def __init__(self, address: str, tokens: dict[int, str]) -> None:
        self.url, self.tokens = f"ws://{address}/cable", tokens
        self.arrivals: list[Arrival] = []
        self.listening: set[int] = set()
        self.confirmations = 0
        self._over = threading.Event()

    @property
    def opened_again(self) -> int:
        return max(0, self.confirmations - len(self.tokens))

    def wait(self) -> None:
        """Return once all are listening; raises ``Refused`` when they do not."""
        deadline = time.monotonic() + SECONDS_TO_OPEN
        while len(self.listening) < len(self.tokens):
            if time.monotonic() > deadline:
                raise Refused(f"Only {len(self.listening)} of {len(self.tokens)} sockets are listening.")
            time.sleep(0.1)

    def run(self) -> None:
        """Keep the sockets open until ``close`` is called, from another thread."""
        asyncio.run(self._run())

    def close(self) -> None:
        self._over.set()

    async def _run(self) -> None:
        self._gate = asyncio.Semaphore(AT_ONCE)
        staying = [asyncio.create_task(self._stay(number)) for number in self.tokens]
        while not self._over.is_set():
            await asyncio.sleep(0.1)
        for task in staying:
            task.cancel()
        await asyncio.wait(staying)  # each says goodbye

    async def _stay(self, number: int) -> None:
        while True:
            with suppress(OSError, WebSocketException):  # it is lost, or was not opened
                await self._listen(number)
            self.listening.discard(number)
            await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311

    async def _listen(self, number: int) -> None:
        async with self._gate:
            socket = await connect(
                self.url,
                origin=ORIGIN,
                subprotocols=["actioncable-v1-json"],
                compression=None,
                ping_interval=None,  # the protocol has pings of its own
                open_timeout=SECONDS_TO_OPEN,
                proxy=None,
            )
        async with socket:
            await socket.send(_subscribe(self.tokens[number]))
            async for text in socket:
                if not text.startswith(PING):
                    self._receive(number, json.loads(text))

    def _receive(self, number: int, frame: dict[str, Any]) -> None:
        if frame.get("type") == "confirm_subscription":
            self.listening.add(number)
            self.confirmations += 1
        elif "type" not in frame:
            message = frame["message"]
            self.arrivals.append(Arrival(number, message["event"], message["data"]["name"], time.monotonic()))


def _subscribe(pubsub_token: str) -> str:
    identifier = json.dumps({"channel": "RoomChannel", "pubsub_token": pubsub_token})
    return json.dumps({"command": "subscribe", "identifier": identifier})


@contextmanager
def opened(address: str, tokens: dict[int, str]) -> Iterator[Sockets]:
    """Open a socket for each of ``tokens``; yields them once all are listening. Raises ``Refused``."""
    sockets = Sockets(address, tokens)
    thread = threading.Thread(target=sockets.run)
    thread.start()
    try:
        sockets.wait()
        yield sockets
    finally:
        sockets.close()
        thread.join()
