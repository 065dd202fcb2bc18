"""Kill every worker of the site at once, again and again, while visitors create, change and read contacts.

The server replaces its workers; where it gives up, it is started again, as a service manager would do.
"""

import argparse
import os
import signal
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

from bench.faults import command, production
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.ledger import Ledger
from bench.faults.meanwhile import meanwhile
from bench.faults.stored import compare
from bench.faults.tally import NO_ANSWER
from bench.faults.visitors import Visitor, visiting, visitors
from bench.server import free_port

CLIENTS = 12
PAUSE = 4  # seconds between two kills
SECONDS_A_KILL = 6  # at most, on average: 100 kills in 10 minutes
SCALES = [Scale("seconds", 600, 25, "how long workers are killed")]


@dataclass
class Managed:
    """The site with a service manager, which starts it again whenever it ends."""

    url: str
    address: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    kills: int = 0
    starts: int = 0

    def __enter__(self) -> "Managed":
        self.running = ExitStack()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.running.close()

    def start(self) -> None:
        self.site = self.running.enter_context(production.site(self.url, self.address))
        self.starts += 1

    def tend(self) -> None:
        if self.site.process.poll() is not None:
            self.running.close()
            self.start()

    def kill(self) -> None:
        for worker in self.site.workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                self.kills += 1


def run(options: argparse.Namespace) -> Outcome:
    ledger = Ledger()
    with production.database("kill") as url:
        with Managed(url) as managed, meanwhile(managed.tend, every=0.2), meanwhile(managed.kill, every=PAUSE):
            tally = visiting(visitors(CLIENTS, managed.address, ledger), Visitor.mix, options.seconds)
        compared = compare(ledger, url)
    bars = [
        Bar("kills", managed.kills, ">=", options.seconds // SECONDS_A_KILL),
        Bar("other answers", tally.unlike("200", NO_ANSWER), "=", 0),
    ]
    lost = tally.results[NO_ANSWER]
    figures = {"calls": len(tally.replies), "no answer": lost, "starts of the server": managed.starts}
    return Outcome([*bars, *compared], figures)


if __name__ == "__main__":
    sys.exit(command.main("kill", __doc__, SCALES, run))
