"""A PostgreSQL server of a script's own: it can be stopped, starved and cut off, and nobody else's data is near."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from bench.server import free_port

PROGRAMS = ("initdb", "pg_ctl")
ACCOUNTS = ("postgres", "nobody")  # PostgreSQL does not run as root: whom root runs it as
ROLE = "inquirly"  # of the site; no superuser, so that it meets every limit
USUAL = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_wal_senders": "0",  # else max_connections could not be as low as 10
    "shared_buffers": "32MB",
}


def missing() -> str | None:
    """Return a sentence that says what to install, or None when all is there."""
    if not all(_program(name) for name in PROGRAMS):
        return "PostgreSQL's initdb and pg_ctl are missing: install Debian's package postgresql."
    return None


@dataclass(frozen=True)
class Cluster:
    """A server with its data in ``directory``; ``log_directory`` holds its write-ahead log when that is elsewhere.

    ``settings`` are its usual ones, beside those that all have.
    """

    directory: Path
    port: int
    log_directory: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def url(self) -> str:
        """Where the site finds its database."""
        return f"postgres://{ROLE}@127.0.0.1:{self.port}/{ROLE}"

    def make(self) -> None:
        """Make the cluster, start it, and make the site's role and its empty database."""
        for directory in filter(None, (self.directory, self.log_directory)):
            shutil.chown(directory, **_owner())
        waldir = [f"--waldir={self.log_directory / 'log'}"] if self.log_directory else []
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--wal-segsize=1", *waldir)
        self._write({})
        self.start()
        with self._superuser("postgres") as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN")
            connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}")

    def start(self) -> None:
        """Start the server, and return once it takes connections."""
        self._run("pg_ctl", "start", "--silent", f"--log={self.directory / 'postgresql.log'}")

    def stop(self) -> None:
        """Stop the server as a crash would, if it runs; nothing is written first."""
        if self.runs():
            self._run("pg_ctl", "stop", "--mode=immediate", "--silent")

    def tend(self) -> None:
        """Start the server if it has ended, as far as it can be started now."""
        if not self.runs():
            with suppress(RuntimeError):
                self.start()

    def runs(self) -> bool:
        return (self.data / "postmaster.pid").exists() and self._call("pg_ctl", "status").returncode == 0

    def configure(self, **settings: str) -> None:
        """Let these settings, and no others, be unlike the usual: soon, or for some of them from the next start."""
        self._write(settings)
        if self.runs():
            self._run("pg_ctl", "reload", "--silent")

    def cut(self) -> int:
        """End some connections of the site, taken at random, and return how many."""
        with self._superuser() as connection:
            sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s AND random() < 0.5"
            return int(str(connection.execute(sql, [ROLE]).fetchall()[0][0]))

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Let everybody who wants to write to a table of the site wait."""
        with self._superuser() as connection, connection.transaction():
            connection.execute(SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(Identifier(table)))
            yield

    def write_log(self) -> None:
        """Fill half a file of the write-ahead log, if that can be done now."""
        with suppress(psycopg.Error), self._superuser() as connection:
            connection.execute("SELECT pg_logical_emit_message(false, '', repeat(' ', 500000))")

    def _superuser(self, database: str = ROLE) -> psycopg.Connection[tuple[object, ...]]:
        url = f"postgres://postgres@127.0.0.1:{self.port}/{database}"
        return psycopg.connect(url, autocommit=True, options="-c statement_timeout=0")

    def _write(self, settings: dict[str, str]) -> None:
        all_settings = {**USUAL, "port": str(self.port), **self.settings, **settings}
        lines = [f"{name} = '{value}'\n" for name, value in all_settings.items()]
        # Read after all other files, and by a server that may be unable to take an ALTER SYSTEM.
        (self.data / "postgresql.auto.conf").write_text("".join(lines), encoding="utf-8")

    def _run(self, program: str, *options: str) -> None:
        done = self._call(program, *options)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")

    def _call(self, program: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [str(_program(program)), *options, f"--pgdata={self.data}"]
        return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **_owner())  # noqa: S603 (of ours)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a server; yields it once it is made, and leaves nothing behind."""
    with tempfile.TemporaryDirectory() as directory, running(Cluster(Path(directory), free_port())) as made:
        yield made


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.make()
        yield cluster
    finally:
        cluster.stop()


def _program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL: Debian keeps those of a server out of PATH, by version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return shutil.which(name, path=os.pathsep.join([*map(str, reversed(versions)), os.environ.get("PATH", "")]))


def _owner() -> dict[str, int]:
    """Return whom the server, which refuses to be root's, runs as."""
    if os.geteuid():
        return {"user": os.geteuid(), "group": os.getegid()}
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    account = next(accounts[name] for name in ACCOUNTS if name in accounts)
    return {"user": account.pw_uid, "group": account.pw_gid}
