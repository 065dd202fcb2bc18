"""Pictures in quickstart: it gives out one itself, and fetches it without a worker that one would have to start."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from django.conf import settings
from django.db import OperationalError

from contacts import avatars

PAUSE = 1  # second
LAST_SECONDS = 2  # for a picture that is under way in the end


def fetch() -> None:
    """Fetch what is due, also from this machine; nothing where the extra is missing."""
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = True
    if avatars.installed():
        list(avatars.fetch_due())


@contextmanager
def fetched() -> Iterator[None]:
    """Fetch what is due, again and again as long as the block lasts."""
    ended = Event()
    thread = Thread(target=_fetch_until, args=[ended], daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LAST_SECONDS)  # cut off in the middle, it could take the process down with it


def _fetch_until(ended: Event) -> None:
    while True:
        with suppress(OperationalError):  # somebody else writes into the database for long
            fetch()
        if ended.wait(PAUSE):
            return
