"""The benchmark: that it measures what it says, and reports nothing that went wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management.color import no_style
from django.db import connection

from bench import machine, report
from bench.calls import CALLS, HMAC_TOKEN, INBOX, ORIGIN, source_id, write
from bench.contenders import Workload, ours
from bench.limit import evaluate as evaluate_pgbench
from bench.load import Refused, evaluate
from bench.statements import check, script
from contacts.models import Contact, ContactInbox
from inboxes.identity import identifier_hash

from .factories import ContactFactory, ContactInboxFactory, InboxFactory
from .readme import block

ROOT = Path(__file__).parent.parent
NUMBER = 41_000
KNOWN = range(2, 50_000)
CALL = {call.name: call for call in CALLS}
VERB = re.compile(r"^(\\set|[A-Z]+)", re.MULTILINE)


@pytest.fixture
def contacts(transactional_db):
    """The contacts ``NUMBER`` and the next one, of an inbox as the benchmark makes it."""
    inbox = InboxFactory(identifier=INBOX, hmac_token=HMAC_TOKEN, allowed_origins=[ORIGIN])
    for number in (NUMBER, NUMBER + 1):
        contact = ContactFactory(pk=number, account=inbox.account, identifier=f"user-{number}")
        ContactInboxFactory(pk=number, inbox=inbox, contact=contact, source_id=source_id(number), hmac_verified=True)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Contact, ContactInbox]):
            cursor.execute(statement)


@pytest.mark.parametrize("call", CALLS, ids=CALL)
def test_a_script_holds_the_statements_of_the_call_and_nothing_of_one_contact(contacts, call):
    text = script(call, NUMBER, KNOWN)

    drawn, *statements = text.splitlines()
    assert drawn == ("\\set n random(1, 9000000000000000)" if call.creates else "\\set n random(2, 49999)")
    assert str(NUMBER) not in text
    assert source_id(NUMBER) not in text
    assert ":n" in " ".join(statements)
    assert all(statement.endswith((";", "\\gset")) for statement in statements)


def test_a_change_is_sent_in_a_transaction_and_a_read_is_not(contacts):
    verbs = {name: VERB.findall(script(call, NUMBER, KNOWN, one_by_one=True)) for name, call in CALL.items()}

    assert verbs["create_new"] == ["\\set", "BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert verbs["create_known"] == ["\\set", "BEGIN", "INSERT", "SELECT", "UPDATE", "INSERT", "COMMIT"]
    assert verbs["patch"] == ["\\set", "BEGIN", "SELECT", "UPDATE", "UPDATE", "COMMIT"]
    assert verbs["get"] == ["\\set", "SELECT"]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite takes one statement after the other")
@pytest.mark.parametrize("call", ["create_new", "create_known", "patch"])
def test_what_writes_is_sent_as_one_statement(contacts, call):
    assert VERB.findall(script(CALL[call], NUMBER, KNOWN)) == ["\\set", "WITH"]


def test_the_id_of_a_new_contact_is_the_one_that_the_database_returns(contacts):
    text = script(CALL["create_new"], NUMBER, KNOWN, one_by_one=True)

    before, _insert, after = text.partition("contacts_contactinbox")
    assert "\\gset" in before
    assert ":id" in after


@pytest.mark.parametrize("text", ["SELECT 'user-7';", "SELECT :other;"], ids=["a-contact", "a-variable"])
def test_a_script_for_one_contact_is_refused(text):
    with pytest.raises(ValueError, match="for one contact"):
        check(text, {"user-7": "'user-' || :n", 7: ":n"})


def test_requests_are_signed_and_stand_one_a_line(tmp_path):
    lines = write(tmp_path / "requests", [CALL["create_known"].request(7), CALL["get"].request(7)]).read_text()

    post, get = (line.split("\t") for line in lines.splitlines())
    assert post[:2] == ["POST", "/public/api/v1/inboxes/bench/contacts"]
    assert json.loads(post[2]) == {
        "identifier": "user-7",
        "identifier_hash": identifier_hash(HMAC_TOKEN, "user-7"),
        "name": "Ada Lovelace",
        "email": "user-7@example.com",
    }
    assert get == ["GET", f"/public/api/v1/inboxes/bench/contacts/{source_id(7)}", ""]


def wrk_output(**changes):
    figures = {"answers": 300, "microseconds": 2_000_000, "socket_errors": 0, "refused": 0, "repeats": 0, "answer": ""}
    return "Running\n-- result --\n" + "".join(f"{name} {value}\n" for name, value in {**figures, **changes}.items())


def test_the_rate_is_answers_by_time():
    assert evaluate(wrk_output(repeats=4), once=False) == 150


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"refused": 3, "answer": '422 {"code": "x"}'}, '3 of 300 .* 422 {"code": "x"}', id="not-200"),
        pytest.param({"socket_errors": 2}, "2 connections failed", id="socket"),
        pytest.param({"answers": 0}, "No answer came", id="silence"),
        pytest.param({"repeats": 1}, "sent twice", id="new-contacts-ran-out"),
    ],
)
def test_a_run_with_errors_is_refused(changes, reason):
    with pytest.raises(Refused, match=reason):
        evaluate(wrk_output(**changes), once=True)


def pgbench(code=0, failed=0):
    text = f"number of failed transactions: {failed} (0.000%)\ntps = 5550.5 (without initial connection time)\n"
    return subprocess.CompletedProcess([], code, text, "")


def test_the_limit_is_what_pgbench_tells():
    assert evaluate_pgbench(pgbench()) == 5550.5


@pytest.mark.parametrize("done", [pgbench(code=2), pgbench(failed=1)], ids=["aborted", "failed"])
def test_a_limit_with_errors_is_refused(done):
    with pytest.raises(Refused):
        evaluate_pgbench(done)


def rates(value):
    return dict.fromkeys(CALL, value)


def test_ratios_are_held_against_the_bars():
    compared = report.compare(rates(1000.0), rates(100.0), rates(400.0))

    assert compared["create_new"] == {
        "limit": 1000.0,
        "textbook": 100.0,
        "ours": 400.0,
        "of_limit": {"ratio": 0.4, "bar": 0.35, "met": True},
        "of_textbook": {"ratio": 4.0, "bar": 4.5, "met": False},
    }
    assert compared["patch"]["of_textbook"] == {"ratio": 4.0, "bar": 4.0, "met": True}
    assert not report.all_met(compared)
    assert report.all_met(report.compare(rates(1000.0), rates(100.0), rates(450.0)))


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "Set DATABASE_URL to a PostgreSQL server"),
        ({"DATABASE_URL": "sqlite:///file"}, "Set DATABASE_URL to a PostgreSQL server"),
        ({"DATABASE_URL": "postgres://127.0.0.1:1/none"}, "Set REDIS_URL to a Redis server"),
        ({"DATABASE_URL": "postgres://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}, "cannot be reached"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(environment, sentence):
    assert sentence in machine.missing(environment, programs=())


def test_a_missing_program_is_named_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert machine.missing({}) == "wrk is missing: install Debian's package wrk."


def test_our_site_is_started_as_the_readme_says(tmp_path):
    server = ours("postgres://127.0.0.1/none", Workload(tmp_path, KNOWN, seconds=1))

    assert server.command[1:] == block("serve").replace("8000", "{port}").split()[1:]
    assert Path(server.command[0]).name == "granian"


@pytest.mark.skipif(machine.missing(os.environ) is not None, reason=f"{machine.missing(os.environ)}")
def test_a_quick_run_reports_every_call():
    command = [sys.executable, "bench/run.py", "--quick", "--rounds", "1", "--seconds", "1", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [*result["calls"]] == [*CALL]
    assert all(call[name] > 0 for call in result["calls"].values() for name in ("limit", "textbook", "ours"))
    assert report.text(result).splitlines()[1].startswith("signed create, new")
