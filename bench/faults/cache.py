"""Stop Redis, wipe it and make it slow, in turn, while visitors create, change and read contacts.

Each turn is three seconds of quiet, four of one fault, and three in which all is well again. Every call has to be
served, and none may take 100 ms longer than the median of the quiet before. Only the first ones may: those sent in the
half second after the fault began, one for each thread of the site. The Redis server is a private one.

A quick run, which may share its machine, lets visitors wait for a fortieth of the time; who waits for a slow cache
waits for nearly all of its four seconds.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

from bench.faults import command, production, redis_server
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.delays import Turn, delays, slow, waited
from bench.faults.ledger import Ledger
from bench.faults.redis_server import Redis
from bench.faults.stored import compare
from bench.faults.tally import Tally
from bench.faults.visitors import Visitor, visiting_during, visitors
from bench.progress import say

VISITORS = 4  # so few, and unhurried, that calls wait for nothing but the cache
REST = 0.01  # seconds between a visitor's calls
THREADS = 8  # of the site
QUIET, FAULT, AFTER = 3, 4, 3  # seconds
SCALES = [Scale("rounds", 10, 1, "how often each of the faults has its turn")]


class Fault(NamedTuple):
    name: str
    begin: Callable[[Redis], None]
    end: Callable[[Redis], None]


FAULTS = (
    Fault("stopped", Redis.stop, Redis.start),
    Fault("slow", lambda redis: redis.answer_after(2), lambda redis: redis.answer_after(0)),
    Fault("wiped", Redis.wipe, lambda redis: None),
)


def turns(redis: Redis, rounds: int) -> Iterator[Turn]:
    for _round in range(rounds):
        for fault in FAULTS:
            yield turn(redis, fault)


def turn(redis: Redis, fault: Fault) -> Turn:
    quiet = time.monotonic()
    time.sleep(QUIET)
    say(f"  Redis {fault.name}")
    begin = time.monotonic()
    fault.begin(redis)
    time.sleep(FAULT)
    fault.end(redis)
    redis.wipe()
    time.sleep(AFTER)
    return Turn(fault.name, quiet, begin, time.monotonic(), counted=redis.holds_keys())


def call(visitor: Visitor) -> None:
    visitor.mix()
    time.sleep(REST)


def run(options: argparse.Namespace) -> Outcome:
    ledger = Ledger()
    with production.database("cache") as url:
        with redis_server.serving() as redis, production.site(url, REDIS_URL=redis.url) as site:
            callers = visitors(VISITORS, site.address, ledger)
            taken, tally = visiting_during(lambda: [*turns(redis, options.rounds)], callers, call)
        compared = compare(ledger, url)
    tolerated = VISITORS * (taken[-1].end - taken[0].quiet) / 40
    bars, figures = outcome(taken, tally, tolerated=tolerated if options.quick else 0)
    return Outcome([*bars, *compared], figures)


def outcome(turns: Sequence[Turn], tally: Tally, tolerated: float = 0) -> Outcome:
    found = [delays(turn, tally) for turn in turns]
    later = [delay for each in found for delay in each.later]
    none = Bar("slow later calls", slow(later), "<=", 0)
    bars = [
        Bar("other answers", tally.unlike("200"), "=", 0),
        Bar("slow first calls of a fault", max(slow(each.first) for each in found), "<=", THREADS),
        Bar("seconds of slow later calls", waited(later), "<=", tolerated) if tolerated else none,
        Bar("turns after which nothing is counted", sum(not turn.counted for turn in turns), "=", 0),
    ]
    slowest = {
        f"ms slower when {fault.name}": max(max(each.later) for each in found if each.fault == fault.name)
        for fault in FAULTS
    }
    return Outcome(bars, {"calls": len(tally.replies), **slowest})


if __name__ == "__main__":
    sys.exit(command.main("cache", __doc__, SCALES, run, " and Debian's redis-server", redis_server.missing))
