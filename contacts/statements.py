"""What is written, with SQL that is made once and in as few round trips as the database can do with.

PostgreSQL takes two statements as one, ``WITH first AS (…) …``; SQLite, to which there are no trips, one by one.
Each statement writes one row at most and returns its id. No signal of Django's is sent.
"""

import functools
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model

Row = tuple[Any, ...]


class Statement(NamedTuple):
    sql: str
    parameters: list[Any]


def insert_unless_taken(instance: Model) -> Statement:
    """Return what inserts ``instance``, unless one with a unique value of its is there."""
    return _insert(instance, "VALUES ({}) ON CONFLICT DO NOTHING")


def save(instance: Model) -> Statement:
    """Return what writes all fields of ``instance``, whose row is locked."""
    return update(instance, _values(instance, add=False), id=instance.pk)


def update(instance: Model, values: dict[str, Any], **where: Any) -> Statement:
    """Return what writes ``values`` into the row whose columns equal those of ``where``."""
    sql = _update_sql(type(instance), tuple(values), tuple(where))
    return Statement(sql, [*_prepared(instance, values), *_prepared(instance, where)])


def run_both(first: Statement, second: Statement) -> bool:
    """Carry out both, in a transaction of the caller's; return whether the second found its row."""
    if takes_two():
        return _run_as_one(first, second) is not None
    _run(first)
    return _run(second) is not None


def run_and_insert(first: Statement, child: Model, field: str) -> bool:
    """Carry out ``first``, which writes what ``field`` of ``child`` refers to, and insert ``child``.

    All or nothing: return False when ``first`` wrote no row; then nothing is inserted.
    """
    parent, reference = getattr(child, field), f"{field}_id"
    if takes_two():
        row = _run_as_one(first, _insert(child, "SELECT {} FROM first", reference))
    else:
        with transaction.atomic():
            row = _run(first)
            if row is not None:
                setattr(child, reference, row[0])
                row = (*_run(_insert(child)), *row)  # type: ignore[misc]  # an insert returns a row
    if row is None:
        return False
    child.pk, parent.pk = row
    child._state.adding = parent._state.adding = False
    setattr(child, field, parent)
    return True


def takes_two() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def _run_as_one(first: Statement, second: Statement) -> Row | None:
    return _run(Statement(f"WITH first AS ({first.sql}) {second.sql}", [*first.parameters, *second.parameters]))


def _run(statement: Statement) -> Row | None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(*statement)
        row: Row | None = cursor.fetchone()
    return row


def _insert(instance: Model, source: str = "VALUES ({})", reference: str = "") -> Statement:
    """Return what inserts ``instance``; column ``reference`` gets the id of the first statement's row."""
    values = _values(instance, add=True)
    values.pop(reference, None)
    return Statement(_insert_sql(type(instance), tuple(values), source, reference), _prepared(instance, values))


def _values(instance: Model, *, add: bool) -> dict[str, Any]:
    return {name: field.pre_save(instance, add) for name, field in _fields(type(instance)).items() if name != "id"}


def _prepared(instance: Model, values: dict[str, Any]) -> list[Any]:
    connection, fields = connections[DEFAULT_DB_ALIAS], _fields(type(instance))
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]


@functools.cache
def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.local_concrete_fields}


# Only names of our own tables and columns stand in the SQL.


@functools.cache
def _insert_sql(model: type[Model], names: tuple[str, ...], source: str, reference: str) -> str:
    referring = [reference] if reference else []
    columns = ", ".join(map(_quoted, [*names, *referring]))
    places = ", ".join(["%s"] * len(names) + ["first.id"] * len(referring))
    returned = ", ".join(map(_quoted, ["id", *referring]))
    table = _quoted(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) {source.format(places)} RETURNING {returned}"


@functools.cache
def _update_sql(model: type[Model], names: tuple[str, ...], where: tuple[str, ...]) -> str:
    changes = ", ".join(f"{_quoted(name)} = %s" for name in names)
    condition = " AND ".join(f"{_quoted(name)} = %s" for name in where)
    table = _quoted(model._meta.db_table)
    return f"UPDATE {table} SET {changes} WHERE {condition} RETURNING {_quoted('id')}"  # noqa: S608


def _quoted(name: str) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(name)
