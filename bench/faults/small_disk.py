"""A small filesystem in memory, that can be filled up and freed again."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.load import Refused

BLOCK = bytes(1 << 20)


def missing() -> str | None:
    """Return a sentence that says what stands in the way of such a filesystem, or None."""
    try:
        with small_disk(megabytes=1):
            return None
    except Refused as refused:
        return f"Run this as root, and where a filesystem can be mounted: {refused}"


@dataclass(frozen=True)
class SmallDisk:
    path: Path

    @property
    def ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        """Leave no room; what others have freed since the last time is taken too."""
        with suppress(OSError), self.ballast.open("ab", buffering=0) as file:
            while True:
                file.write(BLOCK)

    def free(self) -> None:
        self.ballast.unlink()


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount a filesystem of this size; raises ``Refused`` where that is not allowed."""
    with tempfile.TemporaryDirectory() as directory:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", directory)
        try:
            yield SmallDisk(Path(directory))
        finally:
            _run("umount", "--lazy", directory)  # who was killed a moment ago may hold a file still


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (a command of ours)
    except (OSError, subprocess.CalledProcessError) as error:
        told = str(getattr(error, "stderr", "") or error).strip()
        raise Refused(told.splitlines()[0]) from error  # what follows is advice
