"""The statements of a call, taken from the running code and turned into a script for pgbench.

What was sent for one contact becomes the same for any: its id, identifier, source id and email are put in terms of
``:n``, a number that pgbench draws. A new contact's id is what PostgreSQL returns, a new session's tokens are random.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest import mock

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from psycopg.sql import Literal

from .calls import ORIGIN, Call, Request, source_id

TRANSACTION = ("BEGIN", "COMMIT")  # Django notes them, but sends them past its cursors
VARIABLE = re.compile(r"(?<!:):([A-Za-z_]\w*)")
ANY_NUMBER = 9_000_000_000_000_000
RANDOM_TOKEN = "replace(gen_random_uuid()::text, '-', '')"  # noqa: S105


class Statement(NamedTuple):
    sql: str
    parameters: Sequence[Any] | None = None


def script(call: Call, number: int, known: range, *, one_by_one: bool = False) -> str:
    """Make the call with ``number`` and return pgbench's script for it.

    ``known`` are the numbers whose contacts are there. ``one_by_one`` takes what the code sends to a database that has
    to be sent every statement by itself. Raises ``ValueError`` when something of this one contact is left in the
    script.
    """
    if one_by_one:
        with mock.patch("contacts.statements.takes_two", return_value=False):
            return script(call, number, known)
    send(call.request(number + 1))  # what is read once and kept is there now
    statements, answer = capture(call.request(number))
    names = expressions(call, number, answer)
    lines = [render(statement, names) + (" \\gset" if _returns(call, statement) else ";") for statement in statements]
    drawn = f"random(1, {ANY_NUMBER})" if call.creates else f"random({known.start}, {known.stop - 1})"
    text = "\n".join([f"\\set n {drawn}", *lines, ""])
    check(text, names)
    return text


def send(request: Request) -> dict[str, Any]:
    """Return the answer of the code in this process."""
    client = Client(SERVER_NAME="127.0.0.1", HTTP_ORIGIN=ORIGIN)
    response = client.generic(request.method, request.path, request.body, content_type="application/json")
    if response.status_code != 200:
        raise ValueError(f"{request.method} was answered with {response.status_code} {response.content.decode()}")
    answer: dict[str, Any] = json.loads(response.content)
    return answer


def capture(request: Request) -> tuple[list[Statement], dict[str, Any]]:
    """Return what is sent to the database for a request, BEGIN and COMMIT included, and the answer."""
    sent: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        sent.append(Statement(sql, parameters))
        return execute(sql, parameters, many, context)

    with CaptureQueriesContext(connection) as noted, connection.execute_wrapper(note):
        answer = send(request)
    following = iter(sent)
    queries = [query["sql"] for query in noted.captured_queries]
    return [Statement(sql) if sql in TRANSACTION else next(following) for sql in queries], answer


def expressions(call: Call, number: int, answer: dict[str, Any]) -> dict[Any, str]:
    """Return SQL in terms of pgbench's variables for every value that belongs to this one contact."""
    prefix = "new" if call.creates else "user"
    return {
        answer["id"]: ":id",
        answer["source_id"]: RANDOM_TOKEN,
        answer["pubsub_token"]: RANDOM_TOKEN,
        number: ":n",
        source_id(number): "md5('source-' || :n)",
        f"{prefix}-{number}": f"'{prefix}-' || :n",
        f"{prefix}-{number}@example.com": f"'{prefix}-' || :n || '@example.com'",
    }


def render(statement: Statement, names: dict[Any, str]) -> str:
    """Return the statement with its parameters in place."""
    if statement.parameters is None:
        return statement.sql
    values = [_value(parameter, names) for parameter in statement.parameters]
    return statement.sql % tuple(values)


def _value(parameter: Any, names: dict[Any, str]) -> str:
    known = isinstance(parameter, str | int) and not isinstance(parameter, bool)
    return names[parameter] if known and parameter in names else Literal(parameter).as_string(None)


def _returns(call: Call, statement: Statement) -> bool:
    return call.creates and "RETURNING" in statement.sql


def check(text: str, names: dict[Any, str]) -> None:
    left = [name for name in names if isinstance(name, str) and name in text]
    if left or not {*VARIABLE.findall(text)} <= {"n", "id"}:
        raise ValueError(f"This script is for one contact, or has variables of its own: {left}\n{text}")
