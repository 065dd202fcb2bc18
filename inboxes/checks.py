"""System checks: a wrong set-up is told before a user meets it.

Nothing here imports DRF: an old one, on a new Django, is among what is checked.
"""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Warn
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from . import extras
from .conf import NAMES, conf

Apps = Iterable[AppConfig] | None

MIDDLEWARE = "inboxes.middleware.PublicAPIMiddleware"
SETTINGS = {
    "INQUIRLY_THROTTLE_RATES": "E001",
    "INQUIRLY_TRUSTED_PROXIES": "E002",
    "INQUIRLY_CABLE_FRAMES_PER_SECOND": "E003",
    "INQUIRLY_CABLE_MAX_FRAME": "E004",
    "INQUIRLY_CABLE_SOCKETS_PER_ADDRESS": "E005",
    "INQUIRLY_AVATAR_ALLOW_LOOPBACK": "E006",
}
LABELS = ("inquirly_inboxes", "inquirly_contacts")
DATABASES = ("sqlite", "postgresql")
SQLITE = (3, 35)
COUNTING_CACHES = ("redis", "memcached")
# By setting: the error when its backend is not there, and what has to be installed for anybody to care.
BACKENDS = {"CHANNEL_LAYERS": ("E017", extras.REALTIME), "TASKS": ("E018", extras.AVATARS)}
TASKS_IN_DATABASE = "django_tasks_db"
QUEUE = "default"  # that of a task, unless it says otherwise
WORKERLESS = frozenset({"ImmediateBackend", "DummyBackend"})  # of Django Tasks


@register
def check_settings(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for name, number in SETTINGS.items():
        try:
            getattr(conf, name)
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), id=f"inquirly_inboxes.{number}"))
    return messages


@register
def check_names(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    hint = _("There are: %s.") % ", ".join(NAMES)
    return [
        Warn(_("%s is no setting of Inquirly.") % name, hint=hint, id="inquirly_inboxes.W018")
        for name in sorted({name for name in dir(settings) if name.startswith("INQUIRLY_")} - {*NAMES})
    ]


@register
def check_middleware(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    place = _("Put it first in MIDDLEWARE.")
    if MIDDLEWARE not in settings.MIDDLEWARE:
        text = _("%s is missing: browsers cannot read the public API.") % MIDDLEWARE
        return [Error(text, hint=place, id="inquirly_inboxes.E010")]
    if settings.MIDDLEWARE[0] != MIDDLEWARE:
        text = _("%s is not the first: what stands before it may answer public calls in another form.") % MIDDLEWARE
        return [Warn(text, hint=place, id="inquirly_inboxes.W010")]
    return []


@register(Tags.compatibility)
def check_versions(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    installed = version("djangorestframework")
    if django.VERSION >= (6, 1) and _number(installed) < (3, 18):
        text = _("Django REST framework %s does not run on this Django.") % installed
        hint = _('Run: python -m pip install "djangorestframework>=3.18"')
        return [Error(text, hint=hint, id="inquirly_inboxes.E011")]
    return []


@register
def check_backends(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Tell of a backend that is not there: else a socket would hear nothing, or a picture not come, and no more."""
    messages: list[CheckMessage] = []
    for setting, (number, needed) in BACKENDS.items():
        if _has_default(setting) and extras.are_there(needed) and (reason := _unusable(_backend(setting))):
            named = {"setting": setting, "reason": reason}
            text = _("The BACKEND of %(setting)s['default'] cannot be used: %(reason)s") % named
            hint = _("Correct it, install the package that it names, or add its app to INSTALLED_APPS.")
            messages.append(Error(text, hint=hint, id=f"inquirly_inboxes.{number}"))
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


@register(Tags.database)
def check_databases(app_configs: Apps, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    alias = next((one for one in _databases_of_ours() if one != DEFAULT_DB_ALIAS), DEFAULT_DB_ALIAS)
    if alias != DEFAULT_DB_ALIAS:
        text = (
            _("The database router sends Inquirly to '%s'. Its transactions are those of the default database.") % alias
        )
        hint = _(
            "Let it keep inquirly_inboxes and inquirly_contacts in the default database, to read as to write, "
            "or run Inquirly as its own site."
        )
        return [Error(text, hint=hint, id="inquirly_inboxes.E012")]
    return list(_check_database(connections[alias])) if alias in (databases or ()) else []


def _databases_of_ours() -> Iterator[str]:
    """Yield the databases in which rows of ours are written, or looked for: a replica may not have them yet."""
    for model in apps.get_models():
        if model._meta.app_label in LABELS:
            yield router.db_for_write(model)
            yield router.db_for_read(model)


def _check_database(connection: Any) -> Iterator[CheckMessage]:
    options = connection.settings_dict
    if connection.vendor not in DATABASES:
        text = _("Inquirly does not know the database %s: it may not tell identifiers apart.") % connection.vendor
        yield Error(text, hint=_("Use PostgreSQL or SQLite."), id="inquirly_inboxes.E013")
    if connection.vendor == "sqlite" and connection.Database.sqlite_version_info < SQLITE:
        text = _("SQLite %s does not return what it inserts.") % connection.Database.sqlite_version
        yield Error(text, hint=_("Use SQLite 3.35 or newer, or PostgreSQL."), id="inquirly_inboxes.E014")
    if connection.vendor == "sqlite" and options["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
        hint = _('Set "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20} for it in DATABASES.')
        yield Warn(
            _("Calls that come at the same time will find SQLite locked."), hint=hint, id="inquirly_inboxes.W011"
        )
    if options["CONN_MAX_AGE"] != 0 and not options["CONN_HEALTH_CHECKS"]:
        text = _("When the database restarts, the first call of each kept connection fails.")
        hint = _('Set "CONN_HEALTH_CHECKS": True for it in DATABASES.')
        yield Warn(text, hint=hint, id="inquirly_inboxes.W012")


@register(Tags.caches, deploy=True)
def check_cache(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if check_settings(app_configs) or not any(conf.INQUIRLY_THROTTLE_RATES.values()):
        return []
    backend = settings.CACHES["default"]["BACKEND"].lower()
    if not any(name in backend for name in COUNTING_CACHES):
        text = _("The throttle cannot count across processes in this cache.")
        hint = _("Set CACHES['default'] to Redis or Memcached, or switch the rates off in INQUIRLY_THROTTLE_RATES.")
        return [Warn(text, hint=hint, id="inquirly_inboxes.W013")]
    return []


@register(Tags.security, deploy=True)
def check_loopback(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG or check_settings(app_configs) or not conf.INQUIRLY_AVATAR_ALLOW_LOOPBACK:
        return []
    text = _("Whoever names the address of a picture can let this machine call its own servers.")
    hint = _("Remove INQUIRLY_AVATAR_ALLOW_LOOPBACK from the settings: it is for trying things out.")
    return [Error(text, hint=hint, id="inquirly_inboxes.E016")]


@register(deploy=True)
def check_tasks(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if not extras.are_there(extras.AVATARS):
        return []
    if (_backend("TASKS") or "ImmediateBackend").rpartition(".")[2] in WORKERLESS:
        text = _("Pictures of contacts are not fetched by themselves: the backend of Django Tasks has no workers.")
        hint = _("Set TASKS['default'] to one that has, like django-tasks-db, or let cron run manage.py fetchavatars.")
        return [Warn(text, hint=hint, id="inquirly_inboxes.W016")]
    queues = _default("TASKS").get("QUEUES") or [QUEUE]
    if isinstance(queues, str) or QUEUE not in queues:
        text = _("Pictures of contacts are not fetched by themselves: TASKS['default'] takes no task of queue '%s'.")
        hint = _("Add it to QUEUES, or let cron run manage.py fetchavatars.")
        return [Warn(text % QUEUE, hint=hint, id="inquirly_inboxes.W017")]
    return []


@register(Tags.caches, deploy=True)
def check_channel_layer(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    layer = _backend("CHANNEL_LAYERS")
    if layer and not extras.are_there(extras.REALTIME):
        text = _("Sockets hear nothing of what this process changes: channels is not installed.")
        hint = _("Run: python -m pip install 'inquirly[realtime]'")
        return [Warn(text, hint=hint, id="inquirly_inboxes.W015")]
    if layer.endswith(".InMemoryChannelLayer"):
        text = _("Sockets hear only of what their own process changes: the channel layer is in its memory.")
        hint = _(
            "Set CHANNEL_LAYERS['default'] to channels_redis.pubsub.RedisPubSubChannelLayer, unless one process "
            "serves everything."
        )
        return [Warn(text, hint=hint, id="inquirly_inboxes.W014")]
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


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
