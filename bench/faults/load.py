"""Load the site: first with signed creates, then with 70 % reads, 20 % updates and 10 % creates, over many contacts."""

import argparse
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

from bench import database
from bench.calls import source_id
from bench.faults import command, production
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.ledger import Ledger, Session
from bench.faults.memory import Memory, watched
from bench.faults.production import Site
from bench.faults.stored import compare
from bench.faults.tally import Tally
from bench.faults.visitors import Visitor, visiting, visitors
from bench.progress import say

CONNECTIONS = 8
SCALES = [
    Scale("seconds", 600, 13, "how long each of the two parts lasts"),
    Scale("contacts", 1_000_000, 10_000, "how many are there from the first"),
]
PARTS = {"creates": Visitor.create, "the mix": Visitor.mix}
TABLES: database.Tables = {
    **database.OURS,
    "inquirly_contacts_contact": {
        **database.CONTACT,
        "name": "'Name ' || n",  # as the ledger makes them of a number
        "email": "'email-' || n || '@example.com'",
    },
}


@dataclass
class Regular(Visitor):
    """A visitor of the contacts that are there from the first."""

    known: range = range(0)

    def any_session(self) -> Session:
        number = random.choice(self.known)  # noqa: S311
        session = Session(number, source_id(number), f"user-{number}")
        self.ledger.found(session)
        return session


class Part(NamedTuple):
    name: str
    tally: Tally
    memory: Memory

    def bars(self, *, quick: bool) -> list[Bar]:
        """Return the bars of this part. In a quick run a worker is not warm yet, and may grow."""
        median = self.tally.percentile(0.5)
        spread = self.tally.percentile(0.99) / median if median else math.inf
        bars = [
            Bar(f"errors of {self.name}", self.tally.unlike("200"), "=", 0),
            Bar(f"p99 / p50 of {self.name}", spread, "<", 20),
            Bar(f"MB of a worker at {self.name}", self.memory.peak, "<", 150),
        ]
        return bars if quick else [*bars, Bar(f"% growth at {self.name}", self.memory.growth, "<", 10)]

    def figures(self, seconds: int) -> dict[str, float]:
        return {
            f"calls a second of {self.name}": len(self.tally.replies) / seconds,
            f"p50 ms of {self.name}": self.tally.percentile(0.5),
            f"p99 ms of {self.name}": self.tally.percentile(0.99),
        }


def run(options: argparse.Namespace) -> Outcome:
    ledger, known = Ledger(), database.known(options.contacts)
    with production.database("load") as url:
        say(f"Making {len(known)} contacts")
        database.fill(url, TABLES, known)
        with production.site(url) as site:
            clients = visitors(CONNECTIONS, site.address, ledger, partial(Regular, known=known))
            parts = [load(site, clients, name, options.seconds) for name in PARTS]
        compared = compare(ledger, url)
    bars = [bar for part in parts for bar in part.bars(quick=options.quick)]
    figures = {name: figure for part in parts for name, figure in part.figures(options.seconds).items()}
    return Outcome([*bars, *compared], figures)


def load(site: Site, clients: Sequence[Visitor], name: str, seconds: int) -> Part:
    say(name.capitalize())
    with watched(site) as memory:
        return Part(name, visiting(clients, PARTS[name], seconds), memory)


if __name__ == "__main__":
    sys.exit(command.main("load", __doc__, SCALES, run))
