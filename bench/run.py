"""Measure the four calls: against the limit, against a textbook version, as the site runs in production."""

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a script, Python looks beside this file only

import django

from bench import command, contenders, database, limit, machine, report
from bench.calls import CALLS, WRITES
from bench.load import CONNECTIONS
from bench.progress import say
from bench.rounds import measure, medians


def run(options: argparse.Namespace) -> dict[str, Any]:
    known = database.known(1_000 if options.quick else 10_000)
    started, before = datetime.now(UTC), machine.load_average()
    with tempfile.TemporaryDirectory() as directory, database.scratch(os.environ["DATABASE_URL"]) as url:
        workload = contenders.Workload(Path(directory), known, options.seconds, warm_up=not options.quick)
        say(f"Making {len(known)} contacts for each contender")
        textbook = contenders.textbook(url, workload)
        ours = contenders.ours(url, workload)
        scripts, in_one = prepare(url, known)
        ceiling = limit.prepare(url, scripts, Path(directory), options.seconds)
        measured = measure([ceiling, textbook, ours], options.rounds)
        say("The limit of what writes, each sent as one statement")
        limit_in_one = limit.prepare(url, in_one, Path(directory), options.seconds)
        rates_in_one = {call.name: limit_in_one.rate(call) for call in WRITES}
        facts = machine.facts(url)
    compared = report.compare(*(medians(measured[name]) for name in ("limit", "textbook", "ours")))
    return {
        "date": started.isoformat(timespec="seconds"),
        "met": report.all_met(compared),
        "calls": compared,
        "as_one_statement": {
            name: {"limit": round(rate, 1), "ratio": round(compared[name]["ours"] / rate, 3)}
            for name, rate in rates_in_one.items()
        },
        "settings": {
            "connections": CONNECTIONS,
            "workers": 2,
            "contacts": len(known),
            "rounds": options.rounds,
            "seconds": options.seconds,
            "pgbench": ceiling.mode,
            "textbook_server": contenders.textbook_server(),
        },
        "machine": facts,
        "load_average": {"before": before, "after": machine.load_average()},
        "rounds": measured,
        "statements": scripts,
        "statements_as_one": in_one,
    }


def prepare(url: str, known: range) -> tuple[dict[str, str], dict[str, str]]:
    """Fill the tables of both, and return pgbench's script for each call by its name.

    What writes is one statement, and its limit is that of the same in a transaction of several, as the bars are meant;
    the second result are its scripts as it is sent.
    """
    os.environ.update(contenders.site_environment(url))
    django.setup()
    from bench import ours, statements  # models and connections need the lines above

    ours.prepare()
    database.fill(url, {**database.OURS, **database.TEXTBOOK}, known)
    number = known[len(known) // 2]
    scripts = {call.name: statements.script(call, number, known, one_by_one=call in WRITES) for call in CALLS}
    return scripts, {call.name: statements.script(call, number + 2, known) for call in WRITES}


if __name__ == "__main__":
    sys.exit(command.main(__doc__, ("wrk", "pgbench"), run, report.text))
