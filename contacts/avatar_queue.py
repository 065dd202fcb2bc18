"""Workers are asked to fetch pictures. Nothing depends on it: a row that nobody was asked for is due all the same."""

import logging
from datetime import datetime
from importlib import import_module
from typing import Any

from . import avatars, extras

WORKERLESS = frozenset({"ImmediateBackend", "DummyBackend"})  # backends of Django Tasks

logger = logging.getLogger(__name__)


def enqueue(contact_id: int, *, at: datetime | None = None) -> None:
    """Ask a worker to fetch the picture, now or ``at`` that time, if there is one and it can be asked."""
    if not avatars.installed():
        return
    try:
        if has_worker():
            from .avatar_task import fetch_avatar  # reads the settings of tasks

            fetch_avatar.using(run_after=at).enqueue(contact_id)
    except Exception as error:  # noqa: BLE001 (of whatever the tasks are kept in)
        logger.warning("No worker could be asked for the picture of contact %d (%s).", contact_id, type(error).__name__)


def has_worker() -> bool:
    """Return whether tasks are left to somebody else. Django's own default would fetch in the midst of a request."""
    backends: Any = import_module(extras.TASKS).task_backends
    return WORKERLESS.isdisjoint(one.__name__ for one in type(backends["default"]).__mro__)
