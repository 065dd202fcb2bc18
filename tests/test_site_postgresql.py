"""The health check of kept connections: it sees without a question what the server did."""

import psycopg
import pytest
from django.db import close_old_connections, connection

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server"),
]


@pytest.fixture(autouse=True)
def _connect_anew(transactional_db):
    yield
    connection.close()


def end(backend):
    with psycopg.connect(**connection.get_connection_params() | {"prepare_threshold": None}) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


def pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_connection_that_is_there_is_usable():
    pid()

    assert connection.is_usable() is True


def test_a_connection_that_the_server_ended_is_not():
    end(pid())

    assert connection.is_usable() is False


def test_a_closed_connection_is_not():
    pid()
    connection.connection.close()

    assert connection.is_usable() is False


def test_the_next_request_has_a_new_connection(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    connection.close()
    first = pid()
    close_old_connections()  # between requests
    end(first)

    assert pid() != first
