"""What a figure depends on besides the code, and what has to be there to measure at all."""

import os
import platform
import re
import resource
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg
import redis

from .load import Refused

PACKAGES = ("django", "djangorestframework", "psycopg", "granian", "gunicorn")
SPARE_FILES = 500  # of any process, beside its sockets
MAY_CREATE = "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)"
DEBIAN = {"wrk": "wrk", "pgbench": "postgresql-contrib"}


def missing(environment: Mapping[str, str], programs: tuple[str, ...] = ("wrk", "pgbench")) -> str | None:
    """Return a sentence that says what to install or to set, or None when all is there."""
    for program in programs:
        if not shutil.which(program):
            return f"{program} is missing: install Debian's package {DEBIAN[program]}."
    if not environment.get("DATABASE_URL", "").startswith("postgres"):
        return "Set DATABASE_URL to a PostgreSQL server, like postgres://user:password@127.0.0.1:5432/name."
    if not environment.get("REDIS_URL"):
        return "Set REDIS_URL to a Redis server, like redis://127.0.0.1:6379/0."
    try:
        with psycopg.connect(environment["DATABASE_URL"], connect_timeout=5) as connection:
            may_create = connection.execute(MAY_CREATE).fetchone()
        redis.Redis.from_url(environment["REDIS_URL"], socket_connect_timeout=5).ping()
    except (psycopg.Error, redis.RedisError, ValueError) as error:
        return f"PostgreSQL or Redis cannot be reached: {error}"
    return None if may_create else "Let the user of DATABASE_URL make databases: ALTER ROLE ... CREATEDB."


def facts(url: str) -> dict[str, Any]:
    """Return processor, cores and versions, and how durable PostgreSQL is."""
    with psycopg.connect(url) as connection:
        postgresql = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchall()[0][0]
            for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        }
    versions = {"python": platform.python_version(), **{name: found for name in PACKAGES if (found := _version(name))}}
    return {"processor": _processor(), "cores": os.cpu_count(), "versions": versions, "postgresql": postgresql}


def allow_files(sockets: int) -> None:
    """Let this process and those that it starts open so many sockets; raises ``Refused``."""
    needed = sockets + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    highest = hard if hard == resource.RLIM_INFINITY else max(hard, needed)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, highest))
    except (ValueError, OSError) as error:
        raise Refused(f"{sockets} sockets need {needed} open files: raise the limit with `ulimit -n`.") from error


def load_average() -> list[float]:
    return [round(figure, 2) for figure in os.getloadavg()]


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
