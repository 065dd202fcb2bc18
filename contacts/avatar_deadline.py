"""A time by which all has to be over, also what waits for bytes that come one by one."""

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter

from .avatar_reasons import AvatarFailed


class Deadline:
    """``seconds`` from now. ``end`` may be called by another thread, and ends every connection that is watched."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._ended = False

    def over(self) -> bool:
        return self._ended or time.monotonic() >= self._at

    def left(self) -> float:
        """Return the seconds that are left; raises ``AvatarFailed`` when there are none."""
        self.check()
        return max(self._at - time.monotonic(), 0.001)

    def check(self) -> None:
        if self.over():
            raise AvatarFailed("timeout")

    def watch(self, session: Session) -> None:
        """Let ``session`` make connections that end in time, however slowly the other side sends its headers."""
        for adapter in session.adapters.values():
            assert isinstance(adapter, HTTPAdapter)  # noqa: S101 (for the types)
            pools = adapter.poolmanager.pool_classes_by_scheme
            adapter.poolmanager.pool_classes_by_scheme = {name: self._watched(pool) for name, pool in pools.items()}

    def _watched(self, pool: Any) -> Any:
        deadline = self

        class Connection(pool.ConnectionCls):  # type: ignore[misc]  # of urllib3, for http or https
            def connect(self) -> None:
                super().connect()
                deadline._add(self.sock.fileno())

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    def _add(self, number: int) -> None:
        with self._lock:
            # Of one's own: a connection may be closed at any time, and its number given to another.
            self._sockets.append(socket.socket(fileno=os.dup(number)))
            ended = self._ended
        if ended:
            self.end()

    def end(self) -> None:
        """Shut down what is connected now, and what will be."""
        with self._lock:
            self._ended = True
            for one in self._sockets:
                with suppress(OSError), one:  # the other side may have closed it
                    one.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()
