"""Calls that happen at the same time, each in a thread with a database connection of its own."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Semaphore
from typing import Any

from django.db import connections

MAX_CONNECTIONS = 30  # PostgreSQL allows 100 unless told otherwise, and other processes want theirs


def at_once(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Begin all calls at the same moment and return what they return; raises what one of them raises."""
    calls = list(calls)
    start, connected = Barrier(len(calls)), Semaphore(MAX_CONNECTIONS)

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        with connected:
            try:
                return call()
            finally:
                connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]
