"""Open thousands of sockets on one ASGI process, change contacts through HTTP, and see who hears of it.

Every session has one socket. Each update has to arrive exactly once, at the socket of its session. Then Redis, a
private one, is stopped and started again under a trickle of updates: calls have to be answered all the while, and
events to arrive again when it is back. What was lost is counted. The commit of an update cannot be seen from outside:
it lies between its request and its answer, and the time to arrival is told from both. An event may precede the answer.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a script, Python looks beside this file only

from bench import database, machine
from bench.faults import command, production, redis_server
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.memory import resident
from bench.faults.production import Site
from bench.faults.redis_server import Redis
from bench.progress import say
from bench.sockets import Sockets, opened
from bench.updates import Heard, send

PACE, TRICKLE = 100, 20  # updates a second: when all is well, and while Redis is stopped and started
SETTLE = 3  # seconds after which nothing is under way any more
RECOVERY = 10  # seconds from the start of Redis, after which every event arrives again
SCALES = [
    Scale("sockets", 5_000, 300, "how many are open, each for a session of its own"),
    Scale("updates", 1_000, 100, "how many contacts are changed when all is well, before and after"),
    Scale("outage", 10, 3, "for how many seconds Redis is stopped"),
]


def run(options: argparse.Namespace) -> Outcome:
    machine.allow_files(options.sockets)
    known = database.known(options.sockets)
    limits = {"INQUIRLY_CABLE_SOCKETS_PER_ADDRESS": str(options.sockets + 1)}
    with production.database("cable") as url, redis_server.serving() as redis:
        say(f"Making {len(known)} sessions")
        database.fill(url, database.OURS, known)
        environment = {"REDIS_URL": redis.own_url, **limits}
        with (
            production.site(url, **environment) as site,
            production.site(url, label="serve-cable", **environment) as cable,
        ):
            return measure(site, cable, redis, known, options)


def measure(site: Site, cable: Site, redis: Redis, known: range, options: argparse.Namespace) -> Outcome:
    tokens = database.pubsub_tokens(site.url, known)
    with opened(cable.address, {known[0]: tokens[known[0]]}):
        pass  # whatever a process loads with its first socket is none of that socket's
    before = held(cable)
    say(f"Opening {len(tokens)} sockets")
    began = time.monotonic()
    with opened(cable.address, tokens) as sockets:
        opening = time.monotonic() - began
        time.sleep(SETTLE)
        memory = (held(cable) - before) / len(tokens)
        well = updated(site, sockets, spread(known, options.updates), "before")
        away, recovery = outage(site, sockets, redis, known, options.outage)
        again = updated(site, sockets, spread(known, options.updates), "after")
        figures = {
            "KB a socket": memory / 1000,
            "seconds to open all": opening,
            **well.delays(),
            "updates around the stop of Redis": len(away.updates),
            "events lost by it": len(away.lost),
            "slowest call by it, ms": max((update.answered - update.sent) * 1000 for update in away.updates),
            "sockets opened again": sockets.opened_again,
        }
        bars = [Bar("sockets listening", len(sockets.listening), "=", options.sockets)]
    return Outcome([*bars, *kept(well, away, again), Bar("seconds to recover", recovery, "<", RECOVERY)], figures)


def held(cable: Site) -> int:
    """Return the bytes that the ASGI server holds."""
    return sum(map(resident, [cable.process.pid, *cable.workers()]))


def spread(known: range, count: int) -> list[int]:
    """Return ``count`` different numbers of the known, far apart."""
    return [known[turn * len(known) // count] for turn in range(min(count, len(known)))]


def updated(site: Site, sockets: Sockets, numbers: Sequence[int], round_: str, per_second: int = PACE) -> Heard:
    say(f"Changing {len(numbers)} contacts, {round_}")
    first = len(sockets.arrivals)
    updates = send(site.address, numbers, round_, per_second)
    time.sleep(SETTLE)
    return Heard(updates, sockets.arrivals[first:])


def outage(site: Site, sockets: Sockets, redis: Redis, known: range, seconds: int) -> tuple[Heard, float]:
    """Return what was heard, and in how many seconds after the start the last event was lost."""
    numbers = spread(known, (seconds + RECOVERY) * TRICKLE)
    with ThreadPoolExecutor(1) as pool:
        updating = pool.submit(updated, site, sockets, numbers, "while Redis is stopped and started", TRICKLE)
        redis.stop()
        time.sleep(seconds)
        redis.start()
        back = time.monotonic()
        heard = updating.result()
    sockets.wait()
    return heard, max([update.answered - back for update in heard.lost], default=0.0)


def kept(well: Heard, away: Heard, again: Heard) -> list[Bar]:
    """Return the bars of what has to hold before, during and after the outage."""
    return [
        Bar("lost before it", len(well.lost), "=", 0),
        Bar("lost after it", len(again.lost), "=", 0),
        Bar("doubled", sum(heard.doubled for heard in (well, away, again)), "=", 0),
        Bar("astray", sum(heard.astray for heard in (well, away, again)), "=", 0),
        Bar("other answers", sum(heard.other_answers for heard in (well, away, again)), "=", 0),
    ]


if __name__ == "__main__":
    sys.exit(command.main("cable", __doc__, SCALES, run, " and Debian's redis-server", redis_server.missing))
