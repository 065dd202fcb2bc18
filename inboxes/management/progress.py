"""A bar that shows how far a command is, for who watches it in a terminal."""

from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper

WIDTH = 40  # characters


class Progress:
    """A context manager of about ``total`` steps, each of which calls ``advance``. Only a terminal shows it."""

    def __init__(self, stderr: OutputWrapper, total: int) -> None:
        self._stderr, self._total, self._done = stderr, total, 0
        self._shown = stderr.isatty()

    def __enter__(self) -> Self:
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._stderr.write("")

    def advance(self) -> None:
        self._done += 1
        self._total = max(self._total, self._done)
        self._show()

    def _show(self) -> None:
        if self._shown:
            filled = WIDTH * self._done // max(self._total, 1)
            bar = "#" * filled + "." * (WIDTH - filled)
            self._stderr.write(f"\r[{bar}] {self._done}/{self._total}", str, "")
            self._stderr.flush()
