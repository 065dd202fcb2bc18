"""Something that goes on beside what is measured."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event


@contextmanager
def meanwhile(act: Callable[[], object], every: float) -> Iterator[None]:
    """Do ``act`` beside the block, each time after a pause of ``every`` seconds; raises what it raises in the end."""
    over = Event()

    def repeat() -> None:
        while not over.wait(every):
            act()

    with ThreadPoolExecutor(1) as pool:
        repeating = pool.submit(repeat)
        try:
            yield
        finally:
            over.set()
        repeating.result()
