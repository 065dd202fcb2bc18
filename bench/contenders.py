"""Who is measured beside the limit: our site as it runs in production, and the textbook version of its calls."""

import importlib.util
import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import redis

from . import database
from .calls import CALLS, CREATED, INBOX, Call, write
from .load import Refused, rate
from .server import ROOT, ask, serving

BIN = Path(sys.executable).parent
PER_SECOND = 8_000  # more new contacts than any contender makes in a second


class Contender(Protocol):
    @property
    def name(self) -> str: ...

    def running(self) -> AbstractContextManager[Callable[[Call], float]]:
        """Be there for the calls; yields what measures one, in calls a second. Both may raise ``Refused``."""


@dataclass
class Workload:
    """The requests of a run: known contacts at random, and new ones that were never sent before."""

    directory: Path
    known: range
    seconds: int
    warm_up: bool = True
    new: Iterator[int] = field(default_factory=lambda: itertools.count(CREATED))

    def requests(self, call: Call) -> Path:
        size = self.seconds * PER_SECOND
        numbers = itertools.islice(self.new, size) if call.creates else random.choices(self.known, k=size)  # noqa: S311
        return write(self.directory / f"{call.name}.requests", map(call.request, numbers))


@dataclass(frozen=True)
class Server:
    name: str
    command: list[str]
    environment: dict[str, str]
    tables: database.Tables
    workload: Workload
    counts: bool = False

    @contextmanager
    def running(self) -> Iterator[Callable[[Call], float]]:
        database.tidy(self.environment["DATABASE_URL"], self.tables)
        with serving(self.command, self.environment) as address:
            for call in CALLS:
                ask(address, call.request(next(self.workload.new) if call.creates else self.workload.known.start))
                if self.workload.warm_up and not call.creates:
                    rate(address, self.workload.requests(call), seconds=1)
            yield lambda call: self.rate(call, address)
            if self.counts and not calls_are_counted():
                raise Refused("Redis holds no count of the calls: without the throttle it is not the site.")

    def rate(self, call: Call, address: str) -> float:
        requests = self.workload.requests(call)
        return rate(address, requests, seconds=self.workload.seconds, once=call.creates)


def ours(url: str, workload: Workload, name: str = "ours") -> Server:
    """The site on the database at ``url``, started by the README's own line."""
    return Server(name, serve_line(), site_environment(url), database.OURS, workload, counts=True)


def calls_are_counted() -> bool:
    """Return whether there is a count of calls to the inbox of the benchmark, which lasts a minute."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        return any(client.scan_iter(f"*inquirly:*:{INBOX}:*", count=1000))


def serve_line(label: str = "serve") -> list[str]:
    """Return the README's own command of the block ``sh label``, with ``{port}`` for its port."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^```sh {label}\n(.+)\n```$", readme, re.MULTILINE)
    if not found:
        raise ValueError(f"The README has no block `sh {label}`.")
    line = found[1].replace(".venv/bin/", f"{BIN}/")
    return re.sub(r"--port \d+", "--port {port}", line).split()


def site_environment(url: str) -> dict[str, str]:
    """Everything is on, and counts; only the rates are so high that nothing is refused."""
    return {
        "DJANGO_SETTINGS_MODULE": "inquirly_site.settings",
        "DJANGO_DEBUG": "false",
        "SECRET_KEY": "only-for-the-benchmark",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": url,
        "INQUIRLY_THROTTLE_RATES": json.dumps(dict.fromkeys(("create", "other", "failed"), "100000000/min")),
    }


def textbook(url: str, workload: Workload) -> Server:
    """Make the textbook's tables and its first contact, and return it; 2 processes with 4 threads each, like ours."""
    environment = {"DJANGO_SETTINGS_MODULE": "bench.textbook.settings", "DATABASE_URL": url}
    command = [sys.executable, "-m", "bench.textbook"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)  # noqa: S603
    return Server("textbook", textbook_command(), environment, database.TEXTBOOK, workload)


def textbook_server() -> str:
    return "gunicorn" if importlib.util.find_spec("gunicorn") else "granian"


def textbook_command() -> list[str]:
    application = "bench.textbook.wsgi:application"
    if textbook_server() == "gunicorn":
        options = "--worker-class gthread --workers 2 --threads 4 --bind 127.0.0.1:{port}"
    else:
        options = "--interface wsgi --workers 2 --blocking-threads 4 --port {port}"
    return [str(BIN / textbook_server()), *options.split(), application]
