"""Let many meet: 100 clients who sign for one person, then every kind of call and of staff's work on few people."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from threading import Barrier

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

import django

from bench.contenders import site_environment
from bench.faults import command, production
from bench.faults.client import Client
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.ledger import Ledger
from bench.faults.stored import compare, counted
from bench.faults.tally import total
from bench.faults.visitors import Visitor, together, visitors
from bench.progress import say

AT_ONCE = 100
PLAYERS = 8
SECONDS_TO_MEET = 60
SCALES = [
    Scale("rounds", 100, 20, f"how often {AT_ONCE} clients meet in one identifier"),
    Scale("mixed", 1_000, 150, f"how often {PLAYERS} act at once on five identifiers"),
]


def run(options: argparse.Namespace) -> Outcome:
    say("One identifier")
    met = meet(options.rounds)
    say("Five identifiers")
    mixed = mix(options.mixed)
    return Outcome([*met.bars, *mixed.bars], {**met.figures, **mixed.figures})


def meet(rounds: int) -> Outcome:
    """Let all clients sign for the same new identifier at the same moment, round by round."""
    ledger, start = Ledger(), Barrier(AT_ONCE)
    with production.database("race_meet") as url:
        with production.site(url) as site:
            tally = together(visitors(AT_ONCE, site.address, ledger), partial(meet_each, rounds, start))
        compared, there = compare(ledger, url, at_least=rounds * AT_ONCE), counted(url)
    bars = [Bar("errors", tally.unlike("200"), "=", 0), Bar("contacts", there["contacts"], "=", rounds)]
    return Outcome([*bars, Bar("sessions", there["sessions"], "=", rounds * AT_ONCE), *compared])


def meet_each(rounds: int, start: Barrier, visitor: Visitor) -> None:
    visitor.identifiers = (f"person-{number}" for number in range(rounds))
    for _round in range(rounds):
        start.wait(SECONDS_TO_MEET)
        visitor.create()


def mix(rounds: int) -> Outcome:
    """Let all players draw a call or a piece of staff's work, and do it at the same moment, round by round."""
    with production.database("race_mix") as url:
        os.environ.update(site_environment(url))
        django.setup()
        from bench.faults import mixed  # models need the lines above

        mixed.make_inboxes()
        with production.site(url) as site:
            players = [mixed.Player(Client(site.address)) for _player in range(PLAYERS)]
            rules = mixed.play(players, url, rounds)
        django.db.connection.close()
    tally = total(player.tally for player in players)
    bars = [Bar("unexpected answers", tally.unlike(*mixed.EXPECTED), "=", 0), *rules]
    return Outcome(bars, {"acts": len(tally.replies), "sign-ins": sum(len(player.ended) for player in players)})


if __name__ == "__main__":
    sys.exit(command.main("race", __doc__, SCALES, run))
