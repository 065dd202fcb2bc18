"""How much memory the workers of the site hold, and whether that grows."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .meanwhile import meanwhile
from .production import Site

PAGE = os.sysconf("SC_PAGE_SIZE")
WARM = 5  # growth counts from this part of the time on: the first two of ten minutes fill caches and pools


@dataclass
class Memory:
    """``samples`` are bytes, one a second, by the id of the worker."""

    samples: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def peak(self) -> float:
        """Return the megabytes that the largest worker held at its largest."""
        return max(max(held) for held in self.samples.values()) / 1_000_000

    @property
    def growth(self) -> float:
        """Return by how many percent that worker grew which grew most, from a fifth of the time to its end."""
        return max((held[-1] / held[len(held) // WARM] - 1) * 100 for held in self.samples.values())


@contextmanager
def watched(site: Site) -> Iterator[Memory]:
    """Watch the workers while the block runs, which has to take more than a second."""
    memory = Memory()

    def sample() -> None:
        for worker in site.workers():
            if held := resident(worker):
                memory.samples[worker].append(held)

    with meanwhile(sample, every=1):
        yield memory


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, 0 when it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0
