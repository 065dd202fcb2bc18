"""The databases of the site on a small disk: all of one, or a part."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.server import free_port

from . import postgresql
from .meanwhile import meanwhile
from .postgresql import Cluster
from .small_disk import SmallDisk

LITTLE_LOG = {"min_wal_size": "2MB", "max_wal_size": "2MB"}


class Kind(NamedTuple):
    """A database whose URL ``serving`` yields, on a disk of so many megabytes."""

    name: str
    megabytes: int
    serving: Callable[[SmallDisk], AbstractContextManager[str]]


@contextmanager
def sqlite(disk: SmallDisk) -> Iterator[str]:
    yield f"sqlite:///{disk.path}/db.sqlite3"


@contextmanager
def tables(disk: SmallDisk) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as log, managed(Cluster(disk.path, free_port(), Path(log))) as url:
        yield url


@contextmanager
def log(disk: SmallDisk) -> Iterator[str]:
    """Write to the log as well: the visitors alone would find room in it for long."""
    with tempfile.TemporaryDirectory() as tables:
        cluster = Cluster(Path(tables), free_port(), disk.path, LITTLE_LOG)
        with managed(cluster) as url, meanwhile(cluster.write_log, every=0.2):
            yield url


@contextmanager
def managed(cluster: Cluster) -> Iterator[str]:
    """Run a server and start it again whenever it has ended; yields the URL of the site's database."""
    with postgresql.running(cluster), meanwhile(cluster.tend, every=0.5):
        yield cluster.url


KINDS = (
    Kind("SQLite", 64, sqlite),
    Kind("PostgreSQL's tables", 256, tables),
    Kind("PostgreSQL's log", 8, log),
)
