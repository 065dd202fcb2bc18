"""What is written, with SQL that is made once and in as few round trips as the database can do with.

PostgreSQL takes two statements as one, ``WITH first AS (…) …``; SQLite, to which there are no trips, one by one.
Each statement writes one row at most and returns its id. No signal of Django's is sent.
"""

import functools
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import BooleanField, CharField, Model

from .compiled import CompiledQuery, Row, Statement

M = TypeVar("M", bound=Model)
AS_IT_IS = {CharField: str, BooleanField: bool}  # most values: nothing has to be made of them
Values = dict[str, Any]


def insert_unless_taken(instance: Model) -> Statement:
    """Return what inserts ``instance``, unless one with a unique value of its is there."""
    return _insert(instance, "VALUES ({}) ON CONFLICT DO NOTHING")


def save(instance: Model) -> Statement:
    """Return what writes all fields of ``instance``, whose row is locked."""
    return update(type(instance), _values(instance, add=False), id=instance.pk)


def update(model: type[Model], values: Values, **where: Any) -> Statement:
    """Return what writes ``values`` into the row whose columns equal those of ``where``."""
    condition = " AND ".join(f"{_quoted(name)} = %s" for name in where)
    sql = _update_sql(model, tuple(values), condition)
    return Statement(sql, [*_prepared(model, values), *_prepared(model, where)])


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
    if not takes_two():
        with transaction.atomic():
            return _run_in_turn(first, child, field)
    row = _run_as_one(first, _insert(child, "SELECT {} FROM first", f"{field}_id"))
    if row is not None:
        _link(child, field, *row)
    return row is not None


def overwrite_and_insert(
    known: Statement, by: tuple[str, ...], names: tuple[str, ...], child: Model, field: str
) -> Row | None:
    """Insert ``child`` and what its ``field`` refers to; where that is ``known`` already, write only ``names`` of it.

    ``known`` selects the row that may be written over, by the unique values ``by``. Return that row as it was, an empty
    one when there was none. All or nothing: return None when another row is in the way, or another transaction changes
    this one.
    """
    parent: Model = getattr(child, field)
    reference = f"{field}_id"
    if not takes_two():
        with transaction.atomic():
            # The insert comes first, as a transaction of SQLite's that reads before it writes may be refused that.
            if _run_in_turn(insert_unless_taken(parent), child, field):
                return ()
            found = _run(known)
            if found is not None:
                values = {name: value for name, value in _values(parent, add=True).items() if name in names}
                _run_in_turn(update(type(parent), values, id=found[0]), child, field)
            return found
    first = _insert(parent, _overwriting(type(parent), by, names))
    second = _insert(child, "SELECT {} FROM first", reference)
    sql = _overwriting_and_inserting(known.sql, first.sql, second.sql, reference)
    row = _run(Statement(sql, [*known.parameters, *first.parameters, *second.parameters]))
    if row is None:
        return None
    _link(child, field, *row[:2])
    return row[2:] if row[2] else ()


def overwrite_both(
    known: CompiledQuery[M], found_by: Values, values: Values, child: type[M], child_values: Values, field: str, by: str
) -> M | None:
    """Write ``child_values`` into a row of ``child``, and ``values`` into the one that its ``field`` refers to.

    ``known`` selects both, if they may be written; its column ``by`` tells which row of ``child``. Return them as they
    were. All or nothing: return None when it selects nothing, or another transaction changes what ``field`` refers to,
    or to what it refers.
    """
    statement, parent = known.statement(**found_by), _parent(child, field)
    if not takes_two():
        with transaction.atomic():
            row = _run(statement)
            found = known.instance(row) if row else None
            if found is not None:
                _run(update(child, child_values, id=found.pk))
                _run(update(parent, values, id=getattr(found, f"{field}_id")))
            return found
    sql = _overwriting_both(child, field, by, tuple(values), tuple(child_values))
    parameters = [*statement.parameters, *_prepared(child, child_values), *_prepared(parent, values)]
    row = _run(Statement(f"WITH known AS ({statement.sql}), {sql}", parameters))
    return known.instance(row) if row else None


def takes_two() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def _run_as_one(first: Statement, second: Statement) -> Row | None:
    return _run(Statement(f"WITH first AS ({first.sql}) {second.sql}", [*first.parameters, *second.parameters]))


def _run_in_turn(first: Statement, child: Model, field: str) -> bool:
    parent = _run(first)
    if parent is not None:
        _link(child, field, None, *parent)
        child.pk = _run(_insert(child))[0]  # type: ignore[index]  # an insert returns a row
    return parent is not None


def _run(statement: Statement) -> Row | None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(*statement)
        row: Row | None = cursor.fetchone()
    return row


def _link(child: Model, field: str, child_id: int | None, parent_id: int) -> None:
    """Let both know of their ids, and that they are in the database."""
    parent = getattr(child, field)
    child.pk, parent.pk = child_id, parent_id
    child._state.adding = parent._state.adding = False
    setattr(child, field, parent)


def _insert(instance: Model, source: str = "VALUES ({})", reference: str = "") -> Statement:
    """Return what inserts ``instance``; column ``reference`` gets the id of the first statement's row."""
    values = _values(instance, add=True)
    values.pop(reference, None)
    sql = _insert_sql(type(instance), tuple(values), source, reference)
    return Statement(sql, _prepared(type(instance), values))


def _values(instance: Model, *, add: bool) -> Values:
    return {name: field.pre_save(instance, add) for name, field in _fields(type(instance)).items() if name != "id"}


def _prepared(model: type[Model], values: Values) -> list[Any]:
    connection, fields = connections[DEFAULT_DB_ALIAS], _fields(model)
    return [
        value
        if value is None or type(value) is AS_IT_IS.get(type(fields[name]))
        else fields[name].get_db_prep_save(value, connection)
        for name, value in values.items()
    ]


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
def _overwriting(model: type[Model], by: tuple[str, ...], names: tuple[str, ...]) -> str:
    """Return the end of an insert that writes over the row that is ``known``, as long as it is as it was seen."""
    table, unique = _quoted(model._meta.db_table), ", ".join(map(_quoted, by))
    changes = ", ".join(f"{_quoted(name)} = EXCLUDED.{_quoted(name)}" for name in names)
    where = f"{table}.id = (SELECT id FROM known) AND {_as_seen(model)}"
    return f"VALUES ({{}}) ON CONFLICT ({unique}) DO UPDATE SET {changes} WHERE {where}"


@functools.cache
def _overwriting_and_inserting(known: str, first: str, second: str, reference: str) -> str:
    return (
        f"WITH known AS ({known}), first AS ({first}), second AS ({second}) "
        f"SELECT second.*, known.* FROM second LEFT JOIN known ON known.id = second.{_quoted(reference)}"
    )


@functools.cache
def _overwriting_both(
    child: type[Model], field: str, by: str, names: tuple[str, ...], child_names: tuple[str, ...]
) -> str:
    """Return what writes over both that are ``known``.

    The parent is locked before its child is written, as everywhere, and written only if that is its child even then.
    """
    parent, reference = _parent(child, field), _quoted(f"{field}_id")
    table, of_known = _quoted(parent._meta.db_table), f"(SELECT {reference} FROM known)"
    first = f"SELECT id FROM {table} WHERE id = {of_known} AND {_as_seen(parent)} FOR NO KEY UPDATE"
    its_child = f"{_quoted(by)} = (SELECT {_quoted(by)} FROM known) AND {reference} = (SELECT id FROM first)"
    second = _update_sql(child, child_names, its_child, f"{field}_id")
    third = _update_sql(parent, names, f"id = (SELECT {reference} FROM second)")
    return f"first AS ({first}), second AS ({second}), third AS ({third}) SELECT known.* FROM known, third"


@functools.cache
def _as_seen(model: type[Model]) -> str:
    """Return the condition that a row is as it was when the statement began.

    Of a row that another transaction has changed since, PostgreSQL would write over what nobody has looked at.
    """
    table = _quoted(model._meta.db_table)
    return f"{table}.xmin = (SELECT seen.xmin FROM {table} AS seen WHERE seen.id = {table}.id)"


@functools.cache
def _update_sql(model: type[Model], names: tuple[str, ...], condition: str, returned: str = "id") -> str:
    changes = ", ".join(f"{_quoted(name)} = %s" for name in names)
    table = _quoted(model._meta.db_table)
    return f"UPDATE {table} SET {changes} WHERE {condition} RETURNING {_quoted(returned)}"


def _parent(child: type[Model], field: str) -> type[Model]:
    return cast(type[Model], child._meta.get_field(field).related_model)


def _quoted(name: str) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(name)
