"""The extras, and what has to be installed for each."""

import functools
from importlib.util import find_spec

import django

TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
AVATARS = ("PIL", "AntiSSRF", TASKS.partition(".")[0])
REALTIME = ("channels.layers",)  # a project may have a package of its own called channels


@functools.cache  # calls ask, and a look takes a third of a millisecond
def are_there(packages: tuple[str, ...]) -> bool:
    try:
        return all(find_spec(package) for package in packages)
    except ModuleNotFoundError:  # what holds the package is not there, or is no package
        return False
