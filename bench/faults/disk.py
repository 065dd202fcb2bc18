"""Fill up the disk under the site's database, and free it again, while visitors create, change and read contacts.

The database is SQLite, then PostgreSQL with its tables on that disk, then PostgreSQL with its write-ahead log there.
The disk is a small filesystem, and the PostgreSQL server a private one; where that gives up, it is started again, as a
service manager would do.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

from bench.faults import command, postgresql, production, small_disk
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.ledger import Ledger
from bench.faults.on_disk import KINDS, Kind
from bench.faults.small_disk import SmallDisk
from bench.faults.stored import compare
from bench.faults.tally import Tally
from bench.faults.visitors import Visitor, visiting_during, visitors
from bench.progress import say

CLIENTS = 8
SECONDS_TO_RECOVER = 10
LAST = 20  # replies, among which there are writes too
SCALES = [
    Scale("rounds", 10, 1, "how often the disk is filled up under each database"),
    Scale("seconds", 5, 2, "how long it is full, and how long it is not"),
]


class Round(NamedTuple):
    """When the disk was filled up and freed, and when this was over."""

    begin: float
    freed: float
    end: float

    def failures(self, tally: Tally) -> int:
        """Return how many calls failed while the disk was full."""
        return sum(reply.result != "200" for reply in tally.replies if self.begin <= reply.at < self.freed)

    def recovered(self, tally: Tally) -> bool:
        """Return whether the last calls were all served."""
        after = [reply.result for reply in tally.replies if self.freed <= reply.at < self.end]
        return {*after[-LAST:]} == {"200"}

    def recovery(self, tally: Tally) -> float:
        """Return the seconds from the freed disk to the last failure."""
        failed = [reply.at for reply in tally.replies if self.freed <= reply.at < self.end and reply.result != "200"]
        return max(failed, default=self.freed) - self.freed


def rounds(disk: SmallDisk, options: argparse.Namespace) -> Iterator[Round]:
    for _round in range(options.rounds):
        time.sleep(options.seconds)
        say("  The disk is full")
        begin = time.monotonic()
        while time.monotonic() < begin + options.seconds:
            disk.fill()
            time.sleep(0.05)
        disk.free()
        freed = time.monotonic()
        time.sleep(2 * options.seconds)
        yield Round(begin, freed, time.monotonic())


def under(kind: Kind, options: argparse.Namespace) -> Iterator[Bar]:
    """Yield the bars of one kind of database."""
    say(f"{kind.name} on a small disk")
    ledger = Ledger()
    with small_disk.small_disk(kind.megabytes) as disk, kind.serving(disk) as url:
        production.prepare(url)
        with production.site(url) as site:
            before = site.workers()
            callers = visitors(CLIENTS, site.address, ledger)
            filled, tally = visiting_during(lambda: [*rounds(disk, options)], callers, Visitor.mix)
            after = site.workers()
        yield Bar("other answers", tally.unlike("200", "503"), "=", 0)
        yield Bar("failures while it was full", min(each.failures(tally) for each in filled), ">=", 1)
        yield Bar("rounds without recovery", sum(not each.recovered(tally) for each in filled), "=", 0)
        yield Bar("seconds to recover", max(each.recovery(tally) for each in filled), "<=", SECONDS_TO_RECOVER)
        yield Bar("workers of ours replaced", len({*before} ^ {*after}), "=", 0)
        yield from compare(ledger, url)


def run(options: argparse.Namespace) -> Outcome:
    return Outcome([bar._replace(name=f"{kind.name}: {bar.name}") for kind in KINDS for bar in under(kind, options)])


def missing() -> str | None:
    return small_disk.missing() or postgresql.missing()


if __name__ == "__main__":
    needs = ", PostgreSQL's own programs, and root, who may mount a filesystem"
    sys.exit(command.main("disk", __doc__, SCALES, run, needs, missing))
