"""What the site reads from the environment. A value that makes no sense stops the start with one sentence.

An empty variable counts as not set. Every function raises ``ImproperlyConfigured``. What knows PostgreSQL and Redis is
imported where it is needed: without either, every command starts a fifth sooner.
"""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from inboxes.checks import SQLITE_OPTIONS
from inboxes.conf import NAMES

DATABASE_ENGINES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
HOST = re.compile(r"\*|\.?[a-z0-9-]+(\.[a-z0-9-]+)*\.?|\[[0-9a-f:.]+\]")
# What Kubernetes tells every container of a service called "inquirly", or "inquirly-cable".
OF_KUBERNETES = re.compile(
    r"INQUIRLY_(\w+_)?(SERVICE_HOST=.+|SERVICE_PORT(_\w+)?=\d+|PORT=\w+://.+|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?=.+)"
)
NUMBER_OF_DATABASE = re.compile(r"/?[0-9]*/?")
# What Django and psycopg take beside the options that PostgreSQL itself takes from whoever connects.
NOT_POSTGRESQLS = {
    "assume_role": str,
    "isolation_level": int,
    "pool": bool,
    "prepare_threshold": int,
    "server_side_binding": bool,
}
ON_ONES_OWN = "On your own machine, set DJANGO_DEBUG=true instead."
BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}


def debug() -> bool:
    """Return ``DJANGO_DEBUG``: true or false, false when not set."""
    value = os.environ.get("DJANGO_DEBUG", "")
    if value.lower() not in BOOLEANS:
        raise ImproperlyConfigured(f"DJANGO_DEBUG must be true or false (or 1 or 0), not {value!r}.")
    return BOOLEANS[value.lower()]


def secret_key(*, debug: bool) -> str:
    """Return ``SECRET_KEY``; in debug it may be left out."""
    key = os.environ.get("SECRET_KEY", "").strip()
    if not key and not debug:
        raise ImproperlyConfigured(f"SECRET_KEY must be set to a long random text. {ON_ONES_OWN}")
    if key.startswith("$("):
        raise ImproperlyConfigured("SECRET_KEY holds a command that no shell has run. Set it to what that prints.")
    return key or "django-insecure-only-for-debug"


def allowed_hosts(*, debug: bool) -> list[str]:
    """Return ``ALLOWED_HOSTS``: host names separated by commas, like ``example.com,.example.org``.

    In debug it may be left out: Django then answers to localhost.
    """
    # In lower case, as browsers send it: Django compares the origins of forms as they are written.
    hosts = [host.strip().lower() for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host.strip()]
    if not hosts and not debug:
        raise ImproperlyConfigured(
            f"ALLOWED_HOSTS must be set to the host names of the site, separated by commas. {ON_ONES_OWN}"
        )
    for host in hosts:
        if not HOST.fullmatch(host):
            raise ImproperlyConfigured(
                f"ALLOWED_HOSTS must be host names without scheme or port, separated by commas, not {host!r}."
            )
    return hosts


def database(default: Path) -> dict[str, Any]:
    """Return the database of ``DATABASE_URL``, without one the SQLite file ``default``."""
    config: dict[str, Any] = {}
    with suppress(ValueError):
        config |= dj_database_url.parse(os.environ.get("DATABASE_URL") or f"sqlite:///{default}")
    if config.get("ENGINE") not in DATABASE_ENGINES or not config["NAME"]:
        # The value stays out of the message: it may hold a password.
        raise ImproperlyConfigured(
            "DATABASE_URL must be like postgres://user:password@host:5432/name or sqlite:////path/to/file."
        )
    options: dict[str, Any] = config.get("OPTIONS", {})
    return config | (_postgresql(options) if "postgresql" in config["ENGINE"] else _sqlite(options))


def _sqlite(options: dict[str, Any]) -> dict[str, Any]:
    """Readers and one writer at a time side by side; who wants to write waits up to 20 seconds."""
    return {"OPTIONS": {**SQLITE_OPTIONS, **options}}


def _postgresql(options: dict[str, Any]) -> dict[str, Any]:
    """Connections are kept by the threads for ten minutes, or by psycopg's pool with ``?pool=true``.

    Who finds no free connection in the pool waits 5 seconds at most. Every half minute an idle connection is heard of.
    What is sent in vain for 10 seconds ends its connection: the host is gone (libpq passes this over where the system
    cannot do it). Who waits for an answer hears of that after 40.

    A statement is prepared when it comes a third time. ``?server_side_binding=false`` prepares none and keeps no cursor
    on the server, for a pooler that gives each transaction another connection.
    """
    keepalives = {"keepalives_idle": 30, "keepalives_interval": 10}
    patience = {"connect_timeout": 5, "tcp_user_timeout": 10_000}  # the last in milliseconds
    defaults = {**keepalives, **patience, "server_side_binding": True, "prepare_threshold": 2}
    _check_options(options, numbers={*keepalives, *patience})
    pool = {"pool": {"timeout": 5}} if options.get("pool") is True else {}
    return {
        "ENGINE": "inquirly_site.postgresql",
        "CONN_MAX_AGE": 0 if options.get("pool") else 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": options.get("server_side_binding", True) is not True,
        "OPTIONS": {**defaults, **options, **pool},
    }


def _check_options(options: dict[str, Any], numbers: set[str]) -> None:
    """Refuse what would fail at the first connection: a name that there is not or that comes twice, another type."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        for name, value in options.items():
            if isinstance(value, list) or type(value) is not NOT_POSTGRESQLS.get(name, type(value)):
                raise TypeError
        for name in numbers & options.keys():
            int(options[name])
        make_conninfo(**{name: value for name, value in options.items() if name not in NOT_POSTGRESQLS})
    except (TypeError, ValueError, psycopg.Error):
        raise ImproperlyConfigured(
            "DATABASE_URL must end with the name, or with options of PostgreSQL like ?sslmode=require, ?pool=true or "
            "?server_side_binding=false."
        ) from None


def media_root(default: Path) -> Path:
    """Return the directory of ``MEDIA_ROOT``, where pictures are stored; without one ``default``."""
    path = Path(os.environ.get("MEDIA_ROOT") or default)
    if not path.is_absolute():
        raise ImproperlyConfigured(f"MEDIA_ROOT must be the whole path of a directory, like /srv/media, not '{path}'.")
    return path


def cache() -> dict[str, Any]:
    """Return the cache of ``REDIS_URL``, without one the memory of each process."""
    url = redis_url()
    if not url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # Seconds; and no second try: a cache that is away must not hold the calls. In a text, Django takes a comma for the
    # end of an address, and a password may hold one.
    away = {"socket_connect_timeout": 0.05, "socket_timeout": 0.05, "retry": Retry(NoBackoff(), 0)}
    return {"BACKEND": "inquirly_site.cache.RedisCache", "LOCATION": [url], "OPTIONS": away}


def channel_layer() -> dict[str, Any]:
    """Return the channel layer of ``REDIS_URL``, without one the memory of each process."""
    url = redis_url()
    if not url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # Seconds; and one more try, as a connection may have ended unnoticed while there was nothing to tell.
    host = {"address": url, "socket_connect_timeout": 1, "socket_timeout": 1, "retry": Retry(NoBackoff(), 1)}
    return {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [host]}}


def redis_url() -> str:
    """Return ``REDIS_URL``, or nothing when there is none."""
    url = os.environ.get("REDIS_URL", "")
    if not url:
        return url
    from redis.connection import ConnectionPool

    try:
        pool: Any = ConnectionPool.from_url(url)
        pool.make_connection()  # which knows the options, and connects later
        if "path" not in pool.connection_kwargs and not NUMBER_OF_DATABASE.fullmatch(urlsplit(url).path):
            raise ValueError  # which redis takes for database 0
    except (TypeError, ValueError):
        # The value stays out of the message: it may hold a password.
        raise ImproperlyConfigured("REDIS_URL must be like redis://host:6379/0, rediss://… or unix://….") from None
    return url


def inquirly() -> dict[str, Any]:
    """Return every ``INQUIRLY_...`` setting of the environment; each is written as JSON."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("INQUIRLY_") and value}
    found = {name: value for name, value in ours.items() if not OF_KUBERNETES.fullmatch(f"{name}={value}")}
    for name in found:
        if name not in NAMES:
            raise ImproperlyConfigured(f"{name} is not a setting of Inquirly. There are: {', '.join(NAMES)}.")
    return {name: _json(name, value) for name, value in found.items()}


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be JSON (with null for None), and {value!r} is not.") from None
