"""Inboxes as this process knows them: read once, and again when a second has passed or one was changed here."""

import time
from typing import Any

from django.db import transaction

from .models import Inbox

SECONDS = 1.0  # how late, at most, a process hears of a change that another one made
MAX_INBOXES = 1_000

_inboxes: dict[str, tuple[Inbox, float]] = {}


def get(identifier: str) -> Inbox:
    """Return the inbox with this identifier, for reading only: threads share it. Raises ``Inbox.DoesNotExist``."""
    inboxes, now = _inboxes, time.monotonic()
    inbox, until = inboxes.get(identifier, (None, now))
    if inbox is None or until <= now:
        inbox = Inbox.objects.get(identifier=identifier)
        if len(inboxes) >= MAX_INBOXES:
            inboxes.clear()
        # After a change in the meantime these are not the known ones any more, and what was read too early is lost.
        inboxes[identifier] = inbox, now + SECONDS
    return inbox


def forget(using: str | None = None, **kwargs: Any) -> None:
    """Forget all inboxes, now and when the change under way is committed: a receiver of signals."""
    clear()
    transaction.on_commit(clear, using=using)


def clear() -> None:
    global _inboxes
    _inboxes = {}
