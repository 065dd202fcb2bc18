"""Queries whose SQL is made once: Django makes it anew for every call, and takes longer over it than the database."""

import functools
from collections.abc import Callable
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

SAMPLES = count(2**62)  # each stands in a query only as the parameter that it is a sample of


Row = tuple[Any, ...]


class Statement(NamedTuple):
    sql: str
    parameters: list[Any]


class Parameter(NamedTuple):
    """Its ``name``, and its ``type``: Django gives PostgreSQL numbers of a type that tells their size."""

    name: str
    type: Callable[[Any], Any]


class CompiledQuery(Generic[M]):
    """A query for one row, by values that differ from call to call.

    ``queryset`` makes it of samples: for each name in ``types`` a number or a text, to be compared with a column.
    """

    def __init__(self, queryset: Callable[..., QuerySet[M]], **types: type[int] | type[str]) -> None:
        self._queryset = queryset
        self._types = types

    def first(self, **values: int | str) -> M | None:
        """Return the row with these ``values``, or None."""
        with connection.cursor() as cursor:
            cursor.execute(*self.statement(**values))
            row = cursor.fetchone()
        return self.instance(row) if row else None

    def statement(self, **values: int | str) -> Statement:
        sql, parameters, _instance = self._compiled
        filled = [one.type(values[one.name]) if isinstance(one, Parameter) else one for one in parameters]
        return Statement(sql, filled)

    def instance(self, row: Row) -> M:
        """Return the instance that a row of the statement stands for."""
        return self._compiled[2](list(row))

    @functools.cached_property
    def _compiled(self) -> tuple[str, list[Any], Callable[[list[Any]], M]]:
        samples = {name: kind(next(SAMPLES)) for name, kind in self._types.items()}
        names = {sample: name for name, sample in samples.items()}
        compiler = self._queryset(**samples).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        named = [Parameter(names[one], type(one)) if one in names else one for one in parameters]
        return sql, named, _instances(compiler)


def _instances(compiler: Any) -> Callable[[list[Any]], Any]:
    """Return what makes an instance of a row, with those that ``select_related`` named."""
    info, select = compiler.klass_info, compiler.select
    made_of = _maker(info, select)
    related = [(_maker(one, select), one["local_setter"]) for one in info.get("related_klass_infos", [])]
    converters = [
        (position, convert, expression)
        for position, (functions, expression) in compiler.get_converters([column[0] for column in select]).items()
        for convert in functions
    ]

    def instance(row: list[Any]) -> Any:
        connection = connections[DEFAULT_DB_ALIAS] if converters else None
        for position, convert, expression in converters:
            row[position] = convert(row[position], expression, connection)
        made = made_of(row)
        for related_made_of, relate in related:
            relate(made, related_made_of(row))
        return made

    return instance


def _maker(info: dict[str, Any], select: list[Any]) -> Callable[[list[Any]], Any]:
    columns = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
    names = [column[0].target.attname for column in select[columns]]
    return lambda row: info["model"].from_db(DEFAULT_DB_ALIAS, names, row[columns])
