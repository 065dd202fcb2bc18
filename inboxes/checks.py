"""System checks: a wrong set-up is told before a user meets it.

Nothing here imports DRF: an old one, on a new Django, is among what is checked.
"""

import json
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Warn
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.utils.translation import gettext as _

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
SQLITE_OPTIONS = {"init_command": "PRAGMA journal_mode=WAL", "transaction_mode": "IMMEDIATE", "timeout": 20}
COUNTING_CACHES = ("redis", "memcached")


@register
def check_settings(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    hint = _("Correct it in the settings, or remove it: then its default holds.")
    for name, number in SETTINGS.items():
        try:
            getattr(conf, name)
        except ImproperlyConfigured as error:
            messages.append(Error(str(error), hint=hint, id=f"inquirly_inboxes.{number}"))
    return messages


@register
def check_names(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    hint = _("There are: %s.") % ", ".join(NAMES)
    return [
        Warn(_("%s is not a setting of Inquirly.") % name, hint=hint, id="inquirly_inboxes.W018")
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
    if not all(router.allow_migrate_model(DEFAULT_DB_ALIAS, model) for model in _models_of_ours()):
        text = _("The database router lets migrate make no tables of Inquirly in the default database.")
        hint = _("Let its allow_migrate take inquirly_inboxes and inquirly_contacts there, unless others make them.")
        return [Warn(text, hint=hint, id="inquirly_inboxes.W019")]
    return list(_check_database(connections[alias])) if alias in (databases or ()) else []


def _databases_of_ours() -> Iterator[str]:
    """Yield the databases in which rows of ours are written, or looked for: a replica may not have them yet."""
    for model in _models_of_ours():
        yield router.db_for_write(model)
        yield router.db_for_read(model)


def _models_of_ours() -> Iterator[Any]:
    return (model for model in apps.get_models() if model._meta.app_label in LABELS)


def _check_database(connection: Any) -> Iterator[CheckMessage]:
    options = connection.settings_dict
    if connection.vendor not in DATABASES:
        text = _("Inquirly does not support the database %s: it may not tell identifiers apart.") % connection.vendor
        yield Error(text, hint=_("Use PostgreSQL or SQLite."), id="inquirly_inboxes.E013")
    if connection.vendor == "sqlite" and connection.Database.sqlite_version_info < SQLITE:
        text = _("SQLite %s does not support RETURNING.") % connection.Database.sqlite_version
        yield Error(text, hint=_("Use SQLite 3.35 or newer, or PostgreSQL."), id="inquirly_inboxes.E014")
    mode = options["OPTIONS"].get("transaction_mode") or ""
    if connection.vendor == "sqlite" and mode.upper() != "IMMEDIATE":
        hint = _("Set in DATABASES['default']: %s") % f'"OPTIONS": {json.dumps(SQLITE_OPTIONS)}'
        yield Warn(_("Concurrent calls may fail because SQLite is locked."), hint=hint, id="inquirly_inboxes.W011")
    kept = connection.vendor == "postgresql" and (options["CONN_MAX_AGE"] != 0 or options["OPTIONS"].get("pool"))
    if kept and not options["CONN_HEALTH_CHECKS"]:
        text = _("When the database restarts, the first call of each kept connection fails.")
        hint = _("Set in DATABASES['default']: %s") % '"CONN_HEALTH_CHECKS": True'
        yield Warn(text, hint=hint, id="inquirly_inboxes.W012")


@register(Tags.caches, deploy=True)
def check_cache(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    if check_settings(app_configs) or not any(conf.INQUIRLY_THROTTLE_RATES.values()):
        return []
    if DEFAULT_CACHE_ALIAS not in settings.CACHES:  # which Django tells itself
        return []
    backend = settings.CACHES[DEFAULT_CACHE_ALIAS]["BACKEND"].lower()
    if not any(name in backend for name in COUNTING_CACHES):
        text = _("The throttle cannot count across processes in this cache.")
        hint = _("Set CACHES['default'] to Redis or Memcached, or switch the rates off in INQUIRLY_THROTTLE_RATES.")
        return [Warn(text, hint=hint, id="inquirly_inboxes.W013")]
    return []


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
