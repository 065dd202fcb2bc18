"""The task that fetches a picture, for the workers of Django Tasks; needs the extra ``avatars``.

The module is not called ``tasks``: other queues import every module of that name, also where the extra is missing.
"""

from importlib import import_module
from typing import Any

from . import avatar_queue, avatars, extras

LEFT_BEHIND = 5  # more rows that a task looks after: those whose own task was lost with its worker

tasks: Any = import_module(extras.TASKS)


@tasks.task  # type: ignore[untyped-decorator,unused-ignore]  # Django's own, or that of django-tasks
def fetch_avatar(contact_id: int) -> None:
    for outcome in filter(None, [avatars.fetch(contact_id), *avatars.fetch_due(LEFT_BEHIND)]):
        if outcome.due_at:
            avatar_queue.enqueue(outcome.contact_id, at=outcome.due_at)
