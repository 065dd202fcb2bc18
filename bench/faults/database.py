"""Stop PostgreSQL, start it and trouble it, again and again, while visitors create, change and read contacts.

Each turn stops the server at once, as a crash would, and starts it again. Then, for some seconds, it has one trouble
after the other: connections are cut at random, there are fewer than the site has threads, everything is read-only, or
a table is locked and no statement may take longer than 20 milliseconds. The server is a private one.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

from bench.faults import command, postgresql, production
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.ledger import Ledger
from bench.faults.stored import compare
from bench.faults.turns import Turns
from bench.faults.visitors import Visitor, visiting_during, visitors

CLIENTS = 12
SCALES = [
    Scale("seconds", 600, 20, "how long this goes on"),
    Scale("every", 10, 5, "seconds from one stop to the next"),
]
ALLOWED = ("200", "503")  # a 503 without Retry-After has a name of its own
SECONDS_TO_RECOVER = 5


def run(options: argparse.Namespace) -> Outcome:
    ledger = Ledger()
    with postgresql.cluster() as cluster:
        production.prepare(cluster.url)
        turns = Turns(cluster, options.every)
        with production.site(cluster.url) as site:
            before = site.workers()
            callers = visitors(CLIENTS, site.address, ledger)
            _nothing, tally = visiting_during(lambda: turns.take(options.seconds), callers, Visitor.mix)
            after = site.workers()
        compared = compare(ledger, cluster.url)
    others = tally.unlike(*ALLOWED)
    felt = turns.felt(tally)
    bars = [
        Bar("other answers", others, "=", 0),
        Bar("seconds to the first 200", turns.slowest_start(tally), "<=", SECONDS_TO_RECOVER),
        Bar("workers of ours replaced", len({*before} ^ {*after}), "=", 0),
        Bar("troubles after which nothing was served", turns.lasting(tally), "=", 0),
        Bar("troubles that nobody felt", sum(not failed for failed in felt.values()), "=", 0),
    ]
    figures = {"calls": len(tally.replies), "starts": len(turns.starts), **felt}
    return Outcome([*bars, *compared], figures)


if __name__ == "__main__":
    needs = " and PostgreSQL's own programs"
    sys.exit(command.main("database", __doc__, SCALES, run, needs, postgresql.missing))
