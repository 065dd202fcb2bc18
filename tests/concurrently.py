"""Calls that happen at the same time: each in a thread with a database connection of its own, or within another."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Semaphore
from typing import Any

from django.db import connection, connections

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


@contextmanager
def before(statement: str, *actions: Callable[[], Any]) -> Iterator[None]:
    """Do the actions, one before each of the first statements that begin with or hold this text."""
    left = list(actions)
    acting = False

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal acting
        if statement in sql and left and not acting:
            acting = True
            left.pop(0)()
            acting = False
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert not left, "a statement was not run"
