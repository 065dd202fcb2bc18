"""Send the site what nobody means to send: calls that schemathesis makes of its description, and odd bytes.

Every call goes to two sites, one on SQLite and one on PostgreSQL. Both have to answer with the same status, never with
a 5xx, and as the description promises. The calls depend on the seed and on nothing else. Bytes that are no HTTP are
answered by the server itself; that counts like everything else.
"""

import argparse
import itertools
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

import django

from bench.contenders import site_environment
from bench.faults import command
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.twins import twins
from bench.progress import say

FEWEST = 100  # calls that prove anything
SCALES = [
    Scale("seconds", 1800, 15, "how long calls are sent, at least"),
    Scale("seed", 1, 1, "the first of the numbers that calls are made from, some hundred from each"),
]
PACKAGES = ("hypothesis", "schemathesis")


def run(options: argparse.Namespace) -> Outcome:
    os.environ |= site_environment(os.environ["DATABASE_URL"])  # settings; nothing is asked of that database
    django.setup()
    from bench.faults import described, odd_requests  # the first needs the lines above, both what may be missing

    end = time.monotonic() + options.seconds
    with twins() as both:
        for seed in itertools.count(options.seed):
            say(f"  Seed {seed}, {both.calls} calls")
            identifiers = f"user-{seed}-1", f"user-{seed}-2"
            both.open_sessions(identifiers[0])
            for call in itertools.chain(described.calls(seed), odd_requests.calls(seed, *identifiers)):
                both.compare(call)
            if time.monotonic() > end:
                break
    bars = [Bar(kind, both.findings[kind], "=", 0) for kind in ("5xx", "different", "promise broken")]
    answers = {f"answered {status}": number for status, number in sorted(both.answers.items())}
    return Outcome([*bars, Bar("calls", both.calls, ">=", FEWEST)], {**answers, "last seed": seed})


def missing() -> str | None:
    """Return a sentence that says what to install, or None when all is there."""
    if all(find_spec(package) for package in PACKAGES):
        return None
    return "hypothesis or schemathesis is missing: run pip install -e '.[site,test]'."


if __name__ == "__main__":
    sys.exit(command.main("fuzz", __doc__, SCALES, run, ", and hypothesis and schemathesis", missing))
