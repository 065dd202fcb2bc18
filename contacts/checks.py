"""System checks of what the extras need: the channel layer, and the tasks that fetch pictures."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Warn
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from inboxes.checks import check_settings
from inboxes.conf import conf

from . import extras
from .avatar_queue import WORKERLESS

Apps = Iterable[AppConfig] | None

# By setting: the error when its backend is not there, and what has to be installed for anybody to care.
BACKENDS = {"CHANNEL_LAYERS": ("E017", extras.REALTIME), "TASKS": ("E018", extras.AVATARS)}
TASKS_IN_DATABASE = "django_tasks_db"
QUEUE = "default"  # that of a task, unless it says otherwise


@register
def check_backends(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Tell of a backend that is not there: else a socket would hear nothing, or a picture not come, and no more."""
    messages: list[CheckMessage] = []
    for setting, (number, needed) in BACKENDS.items():
        if _has_default(setting) and extras.are_there(needed) and (reason := _unusable(_backend(setting))):
            named = {"setting": setting, "reason": reason}
            text = _("The BACKEND of %(setting)s['default'] cannot be used: %(reason)s") % named
            hint = _("Correct it, install the package that it names, or add its app to INSTALLED_APPS.")
            messages.append(Error(text, hint=hint, id=f"inquirly_contacts.{number}"))
    return messages


def _unusable(backend: str) -> str:
    """Return why the backend of this name cannot be used, or nothing."""
    if not backend:
        return _("it is missing.")
    try:
        import_string(backend)
    except ImportError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (of a package that is imported; its text may tell a secret)
        return type(error).__name__
    package = backend.partition(".")[0]
    if package == TASKS_IN_DATABASE and not apps.is_installed(package):  # it can be imported without its tables
        return _("the app %s is not installed.") % package
    return ""


@register(Tags.security, deploy=True)
def check_loopback(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG or check_settings(app_configs) or not conf.INQUIRLY_AVATAR_ALLOW_LOOPBACK:
        return []
    text = _("Whoever names the address of a picture can let this machine call its own servers.")
    hint = _("Remove INQUIRLY_AVATAR_ALLOW_LOOPBACK from the settings: it is for trying things out.")
    return [Error(text, hint=hint, id="inquirly_contacts.E016")]


@register(deploy=True)
def check_tasks(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if not extras.are_there(extras.AVATARS):
        return []
    if (_backend("TASKS") or "ImmediateBackend").rpartition(".")[2] in WORKERLESS:
        text = _("Pictures of contacts are not fetched by themselves: the backend of Django Tasks has no workers.")
        hint = _("Set TASKS['default'] to one that has, like django-tasks-db, or let cron run manage.py fetchavatars.")
        return [Warn(text, hint=hint, id="inquirly_contacts.W016")]
    queues = _default("TASKS").get("QUEUES") or [QUEUE]
    if isinstance(queues, str) or QUEUE not in queues:
        text = _("Pictures of contacts are not fetched by themselves: TASKS['default'] takes no task of queue '%s'.")
        hint = _("Add it to QUEUES, or let cron run manage.py fetchavatars.")
        return [Warn(text % QUEUE, hint=hint, id="inquirly_contacts.W017")]
    return []


@register(Tags.caches, deploy=True)
def check_channel_layer(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    layer = _backend("CHANNEL_LAYERS")
    if layer and not extras.are_there(extras.REALTIME):
        text = _("Sockets hear nothing of what this process changes: channels is not installed.")
        hint = _("Run: python -m pip install 'inquirly[realtime]'")
        return [Warn(text, hint=hint, id="inquirly_contacts.W015")]
    if layer.endswith(".InMemoryChannelLayer"):
        text = _("Sockets hear only of what their own process changes: the channel layer is in its memory.")
        hint = _(
            "Set CHANNEL_LAYERS['default'] to channels_redis.pubsub.RedisPubSubChannelLayer, unless one process "
            "serves everything."
        )
        return [Warn(text, hint=hint, id="inquirly_contacts.W014")]
    return []


def _backend(setting: str) -> str:
    return str(_default(setting).get("BACKEND") or "")


def _default(setting: str) -> dict[str, Any]:
    default = getattr(settings, setting)["default"] if _has_default(setting) else None
    return default if isinstance(default, dict) else {}


def _has_default(setting: str) -> bool:
    """Return whether there is one: a project may have others only, or something else of that name."""
    found = getattr(settings, setting, None)
    return isinstance(found, dict) and "default" in found
