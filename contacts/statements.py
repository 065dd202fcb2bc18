"""What is written, with SQL that is made once and in as few round trips as the database can do with.

PostgreSQL takes two statements as one, ``WITH first AS (…) …``; SQLite, to which there are no trips, one by one.
Each statement writes one row at most and returns its id. No signal of Django's is sent.
"""

import functools
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import BooleanField, CharField, Model

from .compiled import CompiledQuery, Row, Statement
from .models import Contact, ContactInbox

AS_IT_IS = {CharField: str, BooleanField: bool}  # most values: nothing has to be made of them
Values = dict[str, Any]
CONTACT = "contact_id"  # the column of a session
UNIQUE = ("identifier", "account_id")  # the columns of a contact by which there is one


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


def run_and_insert(first: Statement, session: ContactInbox) -> bool:
    """Carry out ``first``, which writes the contact of ``session``, and insert ``session``.

    All or nothing: return False when ``first`` wrote no row; then nothing is inserted.
    """
    if not takes_two():
        with transaction.atomic():
            return _run_in_turn(first, session)
    row = _run_as_one(first, _insert(session, "SELECT {} FROM first", CONTACT))
    if row is not None:
        _link(session, *row)
    return row is not None


def overwrite_and_insert(known: Statement, names: tuple[str, ...], session: ContactInbox) -> Row | None:
    """Insert ``session`` and its contact; where that is ``known`` already, write only ``names`` of it.

    ``known`` selects the row that may be written over, by the values that are ``UNIQUE``. Return that row as it was, an
    empty one when there was none. All or nothing: return None when another row is in the way, or another transaction
    changes this one.
    """
    contact = session.contact
    if not takes_two():
        with transaction.atomic():
            # The insert comes first, as a transaction of SQLite's that reads before it writes may be refused that.
            if _run_in_turn(insert_unless_taken(contact), session):
                return ()
            found = _run(known)
            if found is not None:
                values = {name: value for name, value in _values(contact, add=True).items() if name in names}
                _run_in_turn(update(Contact, values, id=found[0]), session)
            return found
    first = _insert(contact, _overwriting(names))
    second = _insert(session, "SELECT {} FROM first", CONTACT)
    sql = _overwriting_and_inserting(known.sql, first.sql, second.sql)
    row = _run(Statement(sql, [*known.parameters, *first.parameters, *second.parameters]))
    if row is None:
        return None
    _link(session, *row[:2])
    return row[2:] if row[2] else ()


def overwrite_both(
    known: CompiledQuery[ContactInbox], found_by: Values, contact_values: Values, session_values: Values
) -> ContactInbox | None:
    """Write into the session that ``known`` selects by the values ``found_by``, and into its contact.

    Return both as they were. All or nothing: return None when nothing is selected, or another transaction changes the
    contact, or moves the session to another one.
    """
    statement = known.statement(**found_by)
    if not takes_two():
        with transaction.atomic():
            row = _run(statement)
            found = known.instance(row) if row else None
            if found is not None:
                _run(update(ContactInbox, session_values, id=found.pk))
                _run(update(Contact, contact_values, id=found.contact_id))
            return found
    sql = _overwriting_both(tuple(contact_values), tuple(session_values))
    written = [*_prepared(ContactInbox, session_values), *_prepared(Contact, contact_values)]
    parameters = [*statement.parameters, *written]
    row = _run(Statement(f"WITH known AS ({statement.sql}), {sql}", parameters))
    return known.instance(row) if row else None


def takes_two() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def _run_as_one(first: Statement, second: Statement) -> Row | None:
    return _run(Statement(f"WITH first AS ({first.sql}) {second.sql}", [*first.parameters, *second.parameters]))


def _run_in_turn(first: Statement, session: ContactInbox) -> bool:
    contact = _run(first)
    if contact is not None:
        _link(session, None, *contact)
        session.pk = _run(_insert(session))[0]  # type: ignore[index]  # an insert returns a row
    return contact is not None


def _run(statement: Statement) -> Row | None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(*statement)
        row: Row | None = cursor.fetchone()
    return row


def _link(session: ContactInbox, session_id: int | None, contact_id: int) -> None:
    """Let both know of their ids, and that they are in the database."""
    contact = session.contact
    session.pk, contact.pk = session_id, contact_id
    session._state.adding = contact._state.adding = False
    session.contact = contact  # takes over the id


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
def _overwriting(names: tuple[str, ...]) -> str:
    """Return the end of an insert that writes over the row that is ``known``, as long as it is as it was seen."""
    table, unique = _quoted(Contact._meta.db_table), ", ".join(map(_quoted, UNIQUE))
    changes = ", ".join(f"{_quoted(name)} = EXCLUDED.{_quoted(name)}" for name in names)
    where = f"{table}.id = (SELECT id FROM known) AND {_as_seen()}"
    return f"VALUES ({{}}) ON CONFLICT ({unique}) DO UPDATE SET {changes} WHERE {where}"


@functools.cache
def _overwriting_and_inserting(known: str, first: str, second: str) -> str:
    return (
        f"WITH known AS ({known}), first AS ({first}), second AS ({second}) "
        f"SELECT second.*, known.* FROM second LEFT JOIN known ON known.id = second.{_quoted(CONTACT)}"
    )


@functools.cache
def _overwriting_both(contact_names: tuple[str, ...], session_names: tuple[str, ...]) -> str:
    """Return what writes over both that are ``known``.

    The contact is locked before its session is written, as everywhere, and written only if the session is
    still its own.
    """
    table, contact = _quoted(Contact._meta.db_table), _quoted(CONTACT)
    first = f"SELECT id FROM {table} WHERE id = (SELECT {contact} FROM known) AND {_as_seen()} FOR NO KEY UPDATE"
    still_its = f"source_id = (SELECT source_id FROM known) AND {contact} = (SELECT id FROM first)"
    second = _update_sql(ContactInbox, session_names, still_its, CONTACT)
    third = _update_sql(Contact, contact_names, f"id = (SELECT {contact} FROM second)")
    return f"first AS ({first}), second AS ({second}), third AS ({third}) SELECT known.* FROM known, third"


@functools.cache
def _as_seen() -> str:
    """Return the condition that a contact is as it was when the statement began.

    Of one that another transaction has changed since, PostgreSQL would write over what nobody has looked at.
    """
    table = _quoted(Contact._meta.db_table)
    return f"{table}.xmin = (SELECT seen.xmin FROM {table} AS seen WHERE seen.id = {table}.id)"


@functools.cache
def _update_sql(model: type[Model], names: tuple[str, ...], condition: str, returned: str = "id") -> str:
    changes = ", ".join(f"{_quoted(name)} = %s" for name in names)
    table = _quoted(model._meta.db_table)
    return f"UPDATE {table} SET {changes} WHERE {condition} RETURNING {_quoted(returned)}"


def _quoted(name: str) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(name)
