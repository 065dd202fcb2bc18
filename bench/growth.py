"""Measure how the four calls fare when the tables grow: each against itself with the fewest contacts."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a script, Python looks beside this file only

import django

from bench import command, contenders, database, machine, report
from bench.calls import CALLS
from bench.progress import say
from bench.rounds import measure, medians

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
BAR = 0.85


def run(options: argparse.Namespace) -> dict[str, Any]:
    sizes = QUICK_SIZES if options.quick else SIZES
    started, before = datetime.now(UTC), machine.load_average()
    with tempfile.TemporaryDirectory() as directory, filled(os.environ["DATABASE_URL"], sizes) as urls:
        servers = [
            contenders.ours(
                url, contenders.Workload(Path(directory), database.known(size), options.seconds), name=str(size)
            )
            for size, url in zip(sizes, urls, strict=True)
        ]
        indexes = {str(size): database.index_sizes(url, database.OURS) for size, url in zip(sizes, urls, strict=True)}
        measured = measure(servers, options.rounds)
        facts = machine.facts(urls[0])
    rates = {size: medians(figures) for size, figures in measured.items()}
    first = rates[str(sizes[0])]
    ratios = {size: {name: round(rate / first[name], 3) for name, rate in of.items()} for size, of in rates.items()}
    return {
        "date": started.isoformat(timespec="seconds"),
        "met": all(ratio >= BAR for of in ratios.values() for ratio in of.values()),
        "bar": BAR,
        "rates": rates,
        "ratios": ratios,
        "index_bytes": indexes,
        "settings": {"rounds": options.rounds, "seconds": options.seconds},
        "machine": facts,
        "load_average": {"before": before, "after": machine.load_average()},
    }


@contextmanager
def filled(server: str, sizes: Sequence[int]) -> Iterator[list[str]]:
    """Make a database for each size, so that all can have their turns; yields the URLs in this order."""
    with ExitStack() as stack:
        urls = [stack.enter_context(database.scratch(server, "growth"))]
        prepare(urls[0])
        for size in sizes[1:]:
            urls.append(stack.enter_context(database.scratch(server, f"growth_{size}", template=urls[0])))
        for size, url in zip(sizes, urls, strict=True):
            say(f"Making {size} contacts")
            database.fill(url, database.OURS, database.known(size))
        yield urls


def prepare(url: str) -> None:
    os.environ.update(contenders.site_environment(url))
    django.setup()
    from bench import ours  # models need the lines above

    ours.prepare()
    django.db.connection.close()  # PostgreSQL copies no database that somebody uses


def text(result: dict[str, Any]) -> str:
    """Return the result of a run as a person reads it."""
    sizes = list(result["rates"])
    lines = [report.line(("calls a second", *sizes, *("ratio" for _size in sizes[1:])))]
    for call in CALLS:
        rates = [f"{result['rates'][size][call.name]:.0f}" for size in sizes]
        ratios = [f"{result['ratios'][size][call.name]:.3f}" for size in sizes[1:]]
        lines.append(report.line((call.label, *rates, *ratios)))
    verdict = "No call falls" if result["met"] else "Some call falls"
    lines += [f"{verdict} below {result['bar']} of itself at {sizes[0]} contacts.", ""]
    lines.append("Index sizes in KiB")
    for name in result["index_bytes"][sizes[0]]:
        kibibytes = [str(result["index_bytes"][size][name] // 1024) for size in sizes]
        lines.append(f"{name:<64}" + "".join(f"{figure:>10}" for figure in kibibytes))
    return "\n".join([*lines, "", *report.circumstances(result)])


if __name__ == "__main__":
    sys.exit(command.main(__doc__, ("wrk",), run, text))
