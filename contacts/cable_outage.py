"""An outage of what sockets need: begun, waited out, ended, and how much was lost by it."""

import logging
import threading
import time

PAUSE = 1.0  # seconds for which what failed is left alone

logger = logging.getLogger(__name__)


class Outage:
    """It is logged when it begins and when it ends, however long it lasts, with the number of what was ``lost``."""

    def __init__(self, begins: str, ends: str) -> None:
        self.lost = 0
        self._begins, self._ends = begins, ends
        self._lock = threading.Lock()
        self._under_way = False
        self._next_try = 0.0

    def lasts(self) -> bool:
        """Return whether it is too early for another try."""
        return self._under_way and time.monotonic() < self._next_try

    def begin(self, error: Exception, lost: int = 1) -> None:
        """Count what was ``lost`` by ``error``; what failed is left alone for a while."""
        with self._lock:
            first, self._under_way = not self._under_way, True
            self._next_try = time.monotonic() + PAUSE
            self.lost = lost if first else self.lost + lost
        if first:
            # The text of the error is left out: it may name a password.
            logger.warning("%s: no answer (%s)", self._begins, type(error).__name__)

    def lose(self, number: int = 1) -> None:
        with self._lock:
            self.lost += number

    def end(self) -> None:
        with self._lock:
            last, self._under_way = self._under_way, False
        if last:
            logger.warning("%s; lost meanwhile: %d", self._ends, self.lost)
