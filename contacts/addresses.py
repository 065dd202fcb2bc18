"""How many sockets one client address holds open, as far as this process knows."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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
