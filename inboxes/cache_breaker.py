"""A circuit breaker before the cache: while the cache is away or slow, calls do not wait for it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

PAUSE = 1.0  # seconds for which a cache that failed is left alone
SLOW = 0.5  # seconds; an answer that took longer is of use, but the next call does not wait for another

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class CacheBreaker:
    """Asks the cache until that fails or is slow; then one call in every ``PAUSE`` asks again.

    One instance serves all threads of a process. An outage is logged once, however long it lasts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away = False
        self._next_try = 0.0

    def call(self, operation: Callable[[], Result]) -> Result | None:
        """Return what ``operation`` returns, or None: it was not carried out, or it raised."""
        trying = self._away
        if trying and not self._takes_the_try():
            return None
        start = time.monotonic()
        try:
            result = operation()
        except Exception as error:  # noqa: BLE001 (each cache has errors of its own; without it, calls are served)
            self._leave_alone(type(error).__name__)
            return None
        if time.monotonic() - start > SLOW:
            self._leave_alone("too slow")
        elif trying:  # a call that began before the outage says nothing of it
            self._away = False
            logger.warning("Calls are counted again: the cache answers")
        return result

    def _takes_the_try(self) -> bool:
        """Return whether it is time to ask again, to one thread only."""
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + PAUSE
            return True

    def _leave_alone(self, reason: str) -> None:
        with self._lock:
            first, self._away = not self._away, True
            self._next_try = time.monotonic() + PAUSE
        if first:
            # The reason holds no text of the error: that may name the cache's password.
            logger.warning("Calls are not counted: the cache did not answer (%s)", reason)
