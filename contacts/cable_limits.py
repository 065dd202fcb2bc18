"""What one socket, and one client address, may cost."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from inboxes.conf import conf

MOST_WAITED = 30.0  # seconds of waiting for us that a client may make up for

TOO_LARGE = "frame_too_large"
TOO_MANY = "too_many_frames"

_sockets: Counter[str] = Counter()


@contextmanager
def counted(address: str) -> Iterator[int]:
    """Count one more socket of ``address``; yields how many it holds now, and forgets this one in the end."""
    _sockets[address] += 1
    try:
        yield _sockets[address]
    finally:
        _sockets[address] -= 1
        if not _sockets[address]:
            del _sockets[address]


class Frames:
    """The frames that one socket has sent in the last second, but for those that had to wait for us."""

    def __init__(self) -> None:
        self._arrived: deque[float] = deque()
        self._waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let the client send meanwhile what it may: all of that arrives together in the end."""
        begun = time.monotonic()
        yield
        frames = conf.INQUIRLY_CABLE_FRAMES_PER_SECOND
        self._waited = min(self._waited + (time.monotonic() - begun) * frames, MOST_WAITED * frames)

    def too_much(self, frame: str | bytes) -> str | None:
        """Count ``frame`` and return why the socket has to end, or None."""
        now = time.monotonic()
        while self._arrived and self._arrived[0] <= now - 1:
            self._arrived.popleft()
        self._arrived.append(now)
        if len(frame if isinstance(frame, bytes) else frame.encode(errors="replace")) > conf.INQUIRLY_CABLE_MAX_FRAME:
            return TOO_LARGE
        if len(self._arrived) <= conf.INQUIRLY_CABLE_FRAMES_PER_SECOND:
            return None
        if self._waited < 1:
            return TOO_MANY
        self._waited -= 1
        self._arrived.pop()
        return None
