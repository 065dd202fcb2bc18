"""Databases of the benchmark's own, filled with contacts that are copies of one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import getpid
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from .calls import CREATED

# In the order in which rows can be made; by table, what sets a copy off: column and SQL in terms of its number n.
Tables = dict[str, Mapping[str, str]]
SOURCE_ID = "md5('source-' || n)"
CONTACT = {"id": "n", "identifier": "'user-' || n", "email": "'user-' || n || '@example.com'"}
SESSION = {"id": "n", "contact_id": "n", "source_id": SOURCE_ID, "pubsub_token": "md5('token-' || n)"}
OURS: Tables = {"inquirly_contacts_contact": CONTACT, "inquirly_contacts_contactinbox": SESSION}
TEXTBOOK: Tables = {"textbook_contact": CONTACT, "textbook_contactinbox": SESSION}
TEMPLATE = 1  # the id of the contact and of the session that the others are copies of


@contextmanager
def scratch(url: str, purpose: str = "run", template: str | None = None) -> Iterator[str]:
    """Make a database, empty or as the one at the URL ``template`` is; yield its URL, and drop it in the end."""
    name = f"inquirly_bench_{purpose}_{getpid()}"
    source = urlsplit(template).path.strip("/") if template else "template1"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(source)))
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def known(count: int) -> range:
    """Return the numbers of ``count`` copies."""
    return range(TEMPLATE + 1, TEMPLATE + 1 + count)


def fill(url: str, tables: Tables, numbers: range) -> None:
    """Copy row ``TEMPLATE`` of each table for every number; then what the API makes is numbered from ``CREATED``."""
    with psycopg.connect(url) as connection:
        for table, columns in tables.items():
            connection.execute(_copy(connection, table, columns, numbers))
            sequence = SQL("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)")
            connection.execute(sequence, [table, CREATED])
    tidy(url, tables)


def _copy(
    connection: psycopg.Connection[tuple[object, ...]], table: str, columns: Mapping[str, str], numbers: range
) -> Composed:
    description = connection.execute(SQL("SELECT * FROM {} LIMIT 0").format(Identifier(table))).description or []
    names = [column.name for column in description]
    values = [SQL(columns[name]) if name in columns else SQL("t.{}").format(Identifier(name)) for name in names]
    statement = SQL("INSERT INTO {} ({}) SELECT {} FROM {} AS t, generate_series({}, {}) AS n WHERE t.id = {}")
    return statement.format(
        Identifier(table),
        SQL(", ").join(map(Identifier, names)),
        SQL(", ").join(values),
        Identifier(table),
        Literal(numbers.start),
        Literal(numbers.stop - 1),
        Literal(TEMPLATE),
    )


def pubsub_tokens(url: str, numbers: range) -> dict[int, str]:
    """Return the ``pubsub_token`` of each contact's session, by the number of the contact."""
    rows = "SELECT contact_id, pubsub_token FROM inquirly_contacts_contactinbox WHERE contact_id BETWEEN %s AND %s"
    with psycopg.connect(url) as connection:
        return dict(connection.execute(rows, [numbers[0], numbers[-1]]).fetchall())


def tidy(url: str, tables: Tables) -> None:
    """Leave nothing of one contender's work to the next one: neither what it has made nor its traces."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in reversed(tables):
            connection.execute(SQL("DELETE FROM {} WHERE id >= {}").format(Identifier(table), Literal(CREATED)))
        connection.execute("VACUUM ANALYZE")


def index_sizes(url: str, tables: Tables) -> dict[str, int]:
    """Return the bytes of every index of ``tables``."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes WHERE relname = ANY(%s)"
            " ORDER BY indexrelname",
            [list(tables)],
        )
        return dict(rows.fetchall())
