"""The ledger beside the database: what is missing, half-written or wrong. On PostgreSQL and SQLite."""

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench.load import Refused
from bench.progress import say

from .command import Bar
from .ledger import Ledger

# By fault, whom it befell. A contact without an identifier, or without a session, is half of one: every contact is
# signed for, and made together with its session.
FAULTS = {
    "missing": """
        SELECT DISTINCT l.identifier FROM ledger_write AS l
            LEFT JOIN inquirly_contacts_contact AS c ON c.identifier = l.identifier
            WHERE l.acknowledged AND c.id IS NULL
        UNION ALL
        SELECT 'session of ' || l.identifier FROM ledger_session AS l
            LEFT JOIN inquirly_contacts_contactinbox AS s ON s.source_id = l.source_id
            LEFT JOIN inquirly_contacts_contact AS c ON c.id = s.contact_id
            WHERE c.id IS NULL OR c.id <> l.id OR coalesce(c.identifier, '') <> l.identifier""",
    "half-written": """
        SELECT 'contact ' || c.id FROM inquirly_contacts_contact AS c
            WHERE c.identifier IS NULL
            OR NOT EXISTS (SELECT 1 FROM inquirly_contacts_contactinbox AS s WHERE s.contact_id = c.id)
        UNION ALL
        SELECT 'session ' || s.id FROM inquirly_contacts_contactinbox AS s
            WHERE NOT s.hmac_verified
            OR NOT EXISTS (SELECT 1 FROM inquirly_contacts_contact AS c WHERE c.id = s.contact_id)""",
    "wrong": """
        SELECT c.identifier FROM inquirly_contacts_contact AS c
            WHERE EXISTS (SELECT 1 FROM ledger_write AS l WHERE l.identifier = c.identifier)
            AND NOT EXISTS (SELECT 1 FROM ledger_write AS l WHERE l.identifier = c.identifier
                AND l.name = c.name AND l.email = c.email)""",
}
TABLES = {
    "ledger_write": "identifier text, name text, email text, acknowledged boolean",
    "ledger_session": "id bigint, source_id text, identifier text",
}
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
COUNTS = {
    "contacts": "SELECT count(*) FROM inquirly_contacts_contact",
    "sessions": "SELECT count(*) FROM inquirly_contacts_contactinbox",
}
EXAMPLES = 3
SECONDS_TO_LEAVE = 10


def compare(ledger: Ledger, url: str, at_least: int = 1) -> list[Bar]:
    """Return how much was acknowledged, and how much of it is not in the database at ``url`` as it should be.

    To be called when the site has stopped: what is still under way belongs to neither.
    """
    say(f"Comparing {ledger.acknowledged} acknowledged writes with the database")
    with closing(connect(url)) as connection:
        _wait_until_alone(connection)
        _copy(connection, "ledger_write", _writes(ledger))
        _copy(connection, "ledger_session", map(astuple, ledger.sessions.values()))
        connection.execute("CREATE INDEX ledger_write_identifier ON ledger_write (identifier)")
        for table in TABLES:
            connection.execute(f"ANALYZE {table}")
        faults = [Bar(fault, _count(connection, fault), "=", 0) for fault in FAULTS]
    return [Bar("acknowledged", ledger.acknowledged, ">=", at_least), *faults]


def counted(url: str) -> dict[str, int]:
    """Return how many contacts and sessions there are, the first of each left out: it was there before any call."""
    with closing(connect(url)) as connection:
        return {name: connection.execute(count).fetchone()[0] - 1 for name, count in COUNTS.items()}


def _wait_until_alone(connection: Any) -> None:
    """Wait for the connections of processes that were killed: PostgreSQL may be about to commit for them."""
    if isinstance(connection, sqlite3.Connection):
        return
    deadline = time.monotonic() + SECONDS_TO_LEAVE
    while connection.execute(OTHERS).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise Refused("Somebody is still connected to the database.")
        connection.rollback()  # within a transaction the figures stay as they are
        time.sleep(0.1)


def _writes(ledger: Ledger) -> Iterable[tuple[object, ...]]:
    for writes in ledger.writes.values():
        for write in writes:
            yield write.identifier, *write.values.values(), write.acknowledged


def connect(url: str) -> Any:
    if url.startswith("sqlite:"):
        return sqlite3.connect(urlsplit(url).path.removeprefix("/"))
    return psycopg.connect(url)


def _copy(connection: Any, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    columns = TABLES[table]
    connection.execute(f"CREATE TEMPORARY TABLE {table} ({columns})")
    if isinstance(connection, sqlite3.Connection):
        marks = ", ".join("?" for _column in columns.split(","))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 (names of ours)
        return
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _count(connection: Any, fault: str) -> int:
    found = [whom for (whom,) in connection.execute(FAULTS[fault])]
    for whom in found[:EXAMPLES]:
        say(f"  {fault}: {whom}")
    return len(found)
