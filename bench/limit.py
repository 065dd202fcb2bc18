"""The limit: pgbench, sending the statements of a call as our running code sends them, and doing nothing else."""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .calls import Call
from .database import OURS, tidy
from .load import CONNECTIONS, THREADS, Refused

MODES = ("prepared", "extended", "simple")  # the fastest first
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Limit:
    """``scripts`` are files, by name of the call; ``mode`` is how pgbench sends them."""

    url: str
    scripts: Mapping[str, Path]
    mode: str
    seconds: int
    name: str = "limit"

    @contextmanager
    def running(self) -> Iterator[Callable[[Call], float]]:
        tidy(self.url, OURS)
        yield self.rate

    def rate(self, call: Call) -> float:
        """Return how often a second all statements of the call can be carried out."""
        options = [f"-c{CONNECTIONS}", f"-j{THREADS}", f"-T{self.seconds}"]
        return evaluate(pgbench(self.url, self.scripts[call.name], self.mode, *options))


def prepare(url: str, scripts: Mapping[str, str], directory: Path, seconds: int) -> Limit:
    """Return the limit, with the fastest mode in which all ``scripts`` go, which are texts by name of the call."""
    paths = {name: directory / f"{name}.sql" for name in scripts}
    for name, path in paths.items():
        path.write_text(scripts[name], encoding="utf-8")
    for mode in MODES:
        tries = [pgbench(url, path, mode, "-c1", "-t2") for path in paths.values()]
        if all(done.returncode == 0 for done in tries):
            return Limit(url, paths, mode, seconds)
    raise Refused("pgbench cannot run the statements: " + "".join(done.stderr for done in tries))


def pgbench(url: str, script: Path, mode: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["pgbench", "-n", "-M", mode, *options, "-f", str(script), url]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (a command of ours)


def evaluate(done: subprocess.CompletedProcess[str]) -> float:
    """Return the transactions a second that pgbench tells of; raises ``Refused`` when one failed."""
    found = TPS.search(done.stdout)
    if done.returncode or not found or "number of failed transactions: 0 " not in done.stdout:
        raise Refused(f"pgbench failed: {done.stderr}{done.stdout}")
    return float(found[1])
