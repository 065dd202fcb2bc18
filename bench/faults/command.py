"""What all these commands have in common: their options, their summary line, how they end."""

import argparse
import json
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bench import machine
from bench.command import MISSING, end_in_order, positive_number
from bench.load import Refused
from bench.progress import say

EPILOG = (
    "Needs DATABASE_URL (a PostgreSQL server, on which databases are made and dropped) and REDIS_URL{}. Progress goes "
    "to stderr, one line to stdout. Status: 0 passed, 1 a bar was missed, 75 only bars of time or number were missed "
    "or nothing could be measured: another try may pass, 69 something is missing."
)
COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">=": operator.ge}
Number = int | float


class Scale(NamedTuple):
    """How much a command does: an option with a number, the one of a full run and that of a quick one."""

    option: str
    full: int
    quick: int
    text: str


class Bar(NamedTuple):
    """A figure that decides: ``Bar("missing", 0, "=", 0)``."""

    name: str
    figure: Number
    comparison: str
    limit: Number

    @property
    def met(self) -> bool:
        return bool(COMPARISONS[self.comparison](self.figure, self.limit))

    def __str__(self) -> str:
        return f"{self.name} {_short(self.figure)} ({self.comparison} {_short(self.limit)}{'' if self.met else '!'})"


class Outcome(NamedTuple):
    """What came of a run: bars, and figures to go with them."""

    bars: Sequence[Bar]
    figures: Mapping[str, Number | str] = {}


def main(
    name: str,
    description: str | None,
    scales: Sequence[Scale],
    run: Callable[[argparse.Namespace], Outcome],
    needs: str = "",
    missing: Callable[[], str | None] = lambda: None,
) -> int:
    """Print the summary line of ``run`` and return the exit status, as ``EPILOG`` tells it.

    ``needs`` says what else a command needs, like ``" and Debian's ..."``, and ``missing`` which of that is not there.
    """
    options = arguments(description, scales, needs).parse_args()
    end_in_order()
    if problem := machine.missing(os.environ, programs=()) or missing():
        say(problem)
        return MISSING
    for scale in scales:
        chosen = getattr(options, scale.option) or (scale.quick if options.quick else scale.full)
        setattr(options, scale.option, chosen)
    summary = _summary(name, options, run)
    print(json.dumps(summary) if options.format == "json" else line(summary))
    if summary["passed"]:
        return 0
    exact = [bar for bar in summary["bars"] if bar["comparison"] == "=" and not bar["met"]]
    return 1 if exact else os.EX_TEMPFAIL  # a machine that is busy misses bars of time


def arguments(description: str | None, scales: Sequence[Scale], needs: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, epilog=EPILOG.format(needs))
    parser.add_argument("--quick", action="store_true", help="half a minute in all: shows that it works, proves little")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    for scale in scales:
        text = f"{scale.text} ({scale.full}, quick: {scale.quick})"
        parser.add_argument(f"--{scale.option}", type=positive_number, metavar="NUMBER", help=text)
    return parser


def _summary(name: str, options: argparse.Namespace, run: Callable[[argparse.Namespace], Outcome]) -> dict[str, Any]:
    started, before, facts = datetime.now(UTC), machine.load_average(), machine.facts(os.environ["DATABASE_URL"])
    try:
        outcome, reason = run(options), None
    except Refused as refused:
        outcome, reason = Outcome([]), str(refused)
    return {
        "name": name,
        "passed": bool(outcome.bars) and all(bar.met for bar in outcome.bars),
        "reason": reason,
        "quick": options.quick,
        "bars": [{**bar._asdict(), "met": bar.met, "text": str(bar)} for bar in outcome.bars],
        "figures": dict(outcome.figures),
        "date": started.isoformat(timespec="seconds"),
        "machine": facts,
        "load_average": {"before": before, "after": machine.load_average()},
    }


def line(summary: Mapping[str, Any]) -> str:
    """Return the summary as one line; a bar that is missed ends with an exclamation mark."""
    verdict = f"{'PASSED' if summary['passed'] else 'FAILED'} {summary['name']}{' (quick)' if summary['quick'] else ''}"
    bars = [bar["text"] for bar in summary["bars"]] or [" ".join((summary["reason"] or "no bar").split())]
    figures = [f"{name} {_short(figure)}" for name, figure in summary["figures"].items()]
    machine, load = summary["machine"], summary["load_average"]
    where = f"{machine['processor']}, {machine['cores']} cores"
    busy = f"load average {load['before'][0]} before, {load['after'][0]} after"
    parts = [", ".join(bars), ", ".join(figures), summary["date"], where, busy]
    return f"{verdict}: " + "; ".join(part for part in parts if part)


def _short(figure: Number | str) -> str:
    if isinstance(figure, float):
        return f"{figure:,.2f}".rstrip("0").rstrip(".")
    return f"{figure:,}" if isinstance(figure, int) else figure
