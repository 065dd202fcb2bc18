"""The site as it runs in production: by the README's own line, everything on, throttled by rates that refuse nobody."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import serve_line, site_environment
from bench.database import scratch
from bench.load import Refused
from bench.server import ROOT, free_port, started

PREPARE = "from bench.ours import prepare; prepare()"


@dataclass(frozen=True)
class Site:
    """``url`` is that of its database; ``process`` is the server, whose children are the workers."""

    address: str
    url: str
    process: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Return the process ids of the workers that are there now."""
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return sorted(pid for pid in pids if _parent(pid) == self.process.pid)


@contextmanager
def database(purpose: str) -> Iterator[str]:
    """Make a database for the site, ready to be served from; yields its URL, and drops it in the end."""
    with scratch(os.environ["DATABASE_URL"], purpose) as url:
        prepare(url)
        yield url


def prepare(url: str, **environment: str) -> None:
    """Make the tables, the inbox and the first contact of the benchmark in the database at ``url``."""
    done = subprocess.run(  # noqa: S603 (a command of ours)
        [sys.executable, "manage.py", "shell", "-c", PREPARE],
        cwd=ROOT,
        env={**os.environ, **site_environment(url), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(f"The database could not be prepared: {done.stderr[-2000:]}")


@contextmanager
def site(url: str, address: str | None = None, *, label: str = "serve", **environment: str) -> Iterator[Site]:
    """Run the site on the database at ``url``, which is prepared, by the README's line of that label.

    Raises ``Refused`` when it does not start.
    """
    address = address or f"127.0.0.1:{free_port()}"
    with started(serve_line(label), site_environment(url) | environment, address) as process:
        yield Site(address, url, process)


def _parent(pid: int) -> int:
    """Return the id of a process's parent, 0 when it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
