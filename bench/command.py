"""What both commands have in common: their options, what they need, how they end."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from . import machine
from .load import Refused
from .progress import say

EPILOG = (
    "Needs DATABASE_URL (a PostgreSQL server, on which databases are made and dropped), REDIS_URL, and Debian's {}. "
    "Progress goes to stderr. Status: 0 reported, 1 a call failed, 69 something is missing."
)
MISSING = os.EX_UNAVAILABLE
Result = dict[str, Any]


def main(
    description: str | None,
    programs: tuple[str, ...],
    run: Callable[[argparse.Namespace], Result],
    text: Callable[[Result], str],
) -> int:
    """Print the result of ``run`` and return the exit status."""
    options = arguments(description, programs).parse_args()
    end_in_order()
    if problem := machine.missing(os.environ, programs):
        say(problem)
        return MISSING
    quick = options.quick
    options.rounds = options.rounds or (1 if quick else 3)
    options.seconds = options.seconds or (1 if quick else 5)
    try:
        result = run(options)
    except Refused as refused:
        say(f"Nothing is reported: {refused}")
        return 1
    print(json.dumps(result, indent=2) if options.format == "json" else text(result))
    return 0


def end_in_order() -> None:
    """Let SIGTERM end this process as an error does: servers are stopped, and databases dropped."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def arguments(description: str | None, programs: tuple[str, ...]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, epilog=EPILOG.format(" and ".join(programs)))
    parser.add_argument("--quick", action="store_true", help="a smoke test: few contacts, one round of a second a call")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--rounds", type=positive_number, help="how often each contender has its turn (3)")
    parser.add_argument("--seconds", type=positive_number, help="how long each call is measured in a round (5)")
    return parser


def positive_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
