"""Tells the sockets, beside the calls: whoever changes a contact neither waits for Redis nor fails by it."""

import asyncio
import atexit
import os
import queue
import socket
import threading
from contextlib import suppress
from contextvars import Context
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.layers import BaseChannelLayer, InMemoryChannelLayer, get_channel_layer
from django.db import close_old_connections, connections

from . import cable_streams
from .cable_outage import Outage
from .cable_streams import Message, News

MAX_WAITING = 10_000
BATCH = 100  # news whose sessions are asked for in one query
QUIET = 1.0  # seconds without news after which the connection to the database is given back
PATIENCE = 5.0  # seconds that one message may take
LAST_SECONDS = 2.0  # for what still waits when the process ends


class Loop(asyncio.SelectorEventLoop):
    """The loop of a thread that may wait: it looks names up itself, as nobody else does when a process ends."""

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        return socket.getaddrinfo(host, port, **options)


class Broadcaster:
    """Takes news from any thread; a thread of its own finds the sessions and sends. What cannot be sent is lost."""

    def __init__(self) -> None:
        self.outage = Outage("Sockets are not told of changes", "Sockets are told of changes again")
        self.overflow = Outage("Sockets are not told of all changes", "Sockets are told of all changes again")
        self._lock = threading.Lock()
        self._waiting: queue.Queue[News | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._consumers: asyncio.AbstractEventLoop | None = None

    def serve(self) -> None:
        """Remember the running loop as that of the consumers: the layer in memory works there only."""
        self._consumers = asyncio.get_running_loop()

    def tell(self, news: News) -> None:
        """See to it that sockets hear of ``news``, and return at once."""
        layer = get_channel_layer()
        if isinstance(layer, InMemoryChannelLayer):
            self._tell_here(layer, news)
        elif layer is not None:
            self._tell_elsewhere(news)

    def stop(self) -> None:
        """Send what still waits, if that is quick, and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread:
            with suppress(queue.Full):
                self._waiting.put(None, timeout=LAST_SECONDS)
            thread.join(LAST_SECONDS)

    def _tell_here(self, layer: InMemoryChannelLayer, news: News) -> None:
        if self._consumers and self._consumers.is_running():  # else there is nobody to tell
            # In a context of its own: asgiref would take the look-up for a part of the call that waits for nothing.
            send = self._send_here(layer, news)
            Context().run(asyncio.run_coroutine_threadsafe, send, self._consumers)

    async def _send_here(self, layer: InMemoryChannelLayer, news: News) -> None:
        try:
            (found,) = await database_sync_to_async(cable_streams.messages)([news])
            for group, message in found:
                await layer.group_send(group, message)
        except Exception as error:  # noqa: BLE001 (nobody else would hear of it)
            return self.outage.begin(error)
        return self.outage.end()

    def _tell_elsewhere(self, news: News) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="inquirly-broadcast", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(news)
        except queue.Full as error:
            self.overflow.begin(error)
        else:
            if self._waiting.qsize() < MAX_WAITING / 2:
                self.overflow.end()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=Loop) as runner:
            batch: list[News | None] = []
            while None not in batch:
                batch = self._next_batch()
                self._send_batch(runner, [news for news in batch if news])
        connections.close_all()

    def _next_batch(self) -> list[News | None]:
        """Wait for news and return them with those that have come by then; None stands for the end."""
        try:
            batch = [self._waiting.get(timeout=QUIET)]
        except queue.Empty:
            connections.close_all()  # nobody waits for it, and whoever drops the database would
            batch = [self._waiting.get()]
        with suppress(queue.Empty):
            while len(batch) < BATCH and None not in batch:
                batch.append(self._waiting.get_nowait())
        return batch

    def _send_batch(self, runner: asyncio.Runner, batch: list[News]) -> None:
        if self.outage.lasts():
            return self.outage.lose(len(batch))
        try:
            close_old_connections()
            found = cable_streams.messages(batch)
            close_old_connections()
        except Exception as error:  # noqa: BLE001 (of whatever a host connects to its database; the thread goes on)
            return self.outage.begin(error, len(batch))
        return runner.run(self._send(found))

    async def _send(self, found: list[list[tuple[str, Message]]]) -> None:
        layer = cast(BaseChannelLayer, get_channel_layer())
        for messages in filter(None, found):
            if self.outage.lasts():
                self.outage.lose()
                continue
            try:
                async with asyncio.timeout(PATIENCE * len(messages)):
                    for group, message in messages:
                        await layer.group_send(group, message)
            except Exception as error:  # noqa: BLE001 (each layer has errors of its own)
                self.outage.begin(error)
            else:
                self.outage.end()


broadcaster = Broadcaster()
atexit.register(broadcaster.stop)
# A child has none of its parent's threads, and must not wait for their locks.
os.register_at_fork(after_in_child=broadcaster.__init__)  # type: ignore[misc]
