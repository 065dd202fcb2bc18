"""Pictures in quickstart: it gives out one itself, and fetches it without a worker that one would have to start."""

from contextlib import suppress
from threading import Thread
from time import sleep

from django.conf import settings
from django.db import OperationalError

from contacts import avatars

PAUSE = 1  # second


def fetch() -> None:
    """Fetch what is due, also from this machine; nothing where the extra is missing."""
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = True
    if avatars.installed():
        list(avatars.fetch_due())


def fetch_in_background() -> None:
    """Fetch what is due, again and again until the process ends."""
    Thread(target=_fetch_on, daemon=True).start()


def _fetch_on() -> None:
    while True:
        with suppress(OperationalError):  # somebody else writes into the database for long
            fetch()
        sleep(PAUSE)
