"""Tells the sockets, beside the calls: whoever changes a contact neither waits for Redis nor fails by it."""

import asyncio
import logging
import os
import queue
import socket
import threading
import time
from contextlib import suppress
from contextvars import Context
from multiprocessing.util import Finalize
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.layers import BaseChannelLayer, InMemoryChannelLayer, get_channel_layer
from django.db import close_old_connections, connections

from . import cable_streams
from .cable_outage import Outage
from .cable_streams import Event, Messages, News
from .cable_turns import Turns

MAX_WAITING = 10_000  # more events are lost; ends wait, as sockets would stay open
BATCH = 100  # news that are taken in for one turn
GATHER = 0.01  # seconds in which others may join the first, as what they take together is done once
QUIET = 1.0  # seconds without news after which the connection to the database is given back
PATIENCE = 5.0  # seconds that one message may take
LAST_SECONDS = 2.0  # for what still waits when the process ends

logger = logging.getLogger(__name__)


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
        self._waiting: queue.Queue[News | None] = queue.Queue()
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
            self._waiting.put(None)
            thread.join(LAST_SECONDS)
            if left := self._waiting.qsize():
                logger.warning("Sockets are not told of the last %d changes: the process ends.", left)

    def _tell_here(self, layer: InMemoryChannelLayer, news: News) -> None:
        if self._consumers and self._consumers.is_running():  # else there is nobody to tell
            # In a context of its own: asgiref would take the look-up for a part of the call that waits for nothing.
            send = self._send_here(layer, news)
            Context().run(asyncio.run_coroutine_threadsafe, send, self._consumers)

    async def _send_here(self, layer: InMemoryChannelLayer, news: News) -> None:
        rest: News | None = news
        try:
            while rest:
                ((told, rest),) = await database_sync_to_async(cable_streams.messages)([rest])
                for group, message in told:
                    await layer.group_send(group, message)
        except Exception as error:  # noqa: BLE001 (nobody else would hear of it)
            return self.outage.begin(error)
        return self.outage.end()

    def _tell_elsewhere(self, news: News) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="inquirly-broadcast", daemon=True)
                self._thread.start()
                # Unlike `atexit` it is heeded by the workers of a server as well.
                Finalize(None, self.stop, exitpriority=0)
        waiting = self._waiting.qsize()
        if isinstance(news, Event) and waiting >= MAX_WAITING:
            return self.overflow.begin(queue.Full())
        self._waiting.put(news)
        if waiting < MAX_WAITING / 2:
            self.overflow.end()
        return None

    def _run(self) -> None:
        turns = Turns()
        with asyncio.Runner(loop_factory=Loop) as runner:
            while self._take_in(turns):
                self._take_turn(runner, turns)
            while turns:
                self._take_turn(runner, turns)
        connections.close_all()

    def _take_in(self, turns: Turns) -> bool:
        """Add the news that have come, or that come first if there are none; return False when it is to end."""
        with suppress(queue.Empty):
            for _number in range(min(BATCH, MAX_WAITING - len(turns))):
                news = self._waiting.get_nowait() if turns else self._first()
                if news is None:
                    return False
                turns.add(news)
        return True

    def _first(self) -> News | None:
        """Wait for news; the others that come meanwhile are told with them."""
        try:
            news = self._waiting.get(timeout=QUIET)
        except queue.Empty:
            connections.close_all()  # nobody waits for it, and whoever drops the database would
            news = self._waiting.get()
        time.sleep(GATHER)
        return news

    def _take_turn(self, runner: asyncio.Runner, turns: Turns) -> None:
        waiting = len(turns)
        if self.outage.lasts():
            turns.clear()
            return self.outage.lose(waiting)
        try:
            close_old_connections()
            if told := turns.next():
                runner.run(self._send(told))
                self.outage.end()
        except Exception as error:  # noqa: BLE001 (layers and databases have errors of their own; the thread goes on)
            turns.clear()
            self.outage.begin(error, waiting)

    async def _send(self, told: Messages) -> None:
        layer = cast(BaseChannelLayer, get_channel_layer())
        for group, message in told:
            async with asyncio.timeout(PATIENCE):
                await layer.group_send(group, message)


broadcaster = Broadcaster()
# A child has none of its parent's threads, and must not wait for their locks.
os.register_at_fork(after_in_child=broadcaster.__init__)  # type: ignore[misc]
