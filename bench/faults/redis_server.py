"""A Redis server of a script's own: it can be stopped, wiped and made slow, and nobody else's data is near."""

import asyncio
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis

from bench.server import SECONDS_TO_START, free_port

HOST = "127.0.0.1"


def missing() -> str | None:
    """Return a sentence that says what to install, or None when all is there."""
    return None if shutil.which("redis-server") else "redis-server is missing: install Debian's package redis-server."


class Relay:
    """Passes bytes between its clients and another port; answers are held back for ``delay`` seconds."""

    def __init__(self, target: int) -> None:
        self.target, self.port, self.delay = target, free_port(), 0.0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def open(self) -> None:
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def close(self) -> None:
        """Refuse whoever comes from now on."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connect, HOST, self.port)

    async def _refuse(self) -> None:
        self._server.close()

    async def _connect(self, requests: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection(HOST, self.target)
        except ConnectionError:
            client.close()
        else:
            await asyncio.gather(self._pass(requests, server), self._pass(answers, client, hold_back=True))

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, hold_back: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                await asyncio.sleep(self.delay if hold_back else 0)
                target.write(data)
        target.close()


class Redis:
    """A server that keeps nothing on disk, and the relay through which it is reached."""

    def __init__(self) -> None:
        self._port = free_port()
        self._relay = Relay(self._port)
        self._client = redis.Redis(HOST, self._port)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self._relay.port}/0"

    @property
    def own_url(self) -> str:
        """The address of the server itself, past the relay: quicker, and it cannot be made slow."""
        return f"redis://{HOST}:{self._port}/0"

    def start(self) -> None:
        """Start the server; raises ``redis.ConnectionError`` when it does not come up."""
        options = ["--bind", HOST, "--port", str(self._port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)  # noqa: S603, S607
        self._wait()
        self._relay.open()

    def _wait(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                self._client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the server at once; whoever comes is refused."""
        self._relay.close()
        self._process.kill()
        self._process.wait()

    def wipe(self) -> None:
        self._client.flushall()

    def holds_keys(self) -> bool:
        return self._client.dbsize() > 0

    def answer_after(self, seconds: float) -> None:
        """Let each answer take so much longer."""
        self._relay.delay = seconds


@contextmanager
def serving() -> Iterator[Redis]:
    """Run a server; yields it once it answers."""
    server = Redis()
    server.start()
    try:
        yield server
    finally:
        server.stop()
