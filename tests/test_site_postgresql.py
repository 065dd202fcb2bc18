"""Kept connections: without a question it is seen what the server did, and none is kept that failed."""

import os
import socket
import sys

import psycopg
import pytest
from django.db import close_old_connections, connection

from .api import read_contact
from .factories import ContactInboxFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server"),
]


@pytest.fixture(autouse=True)
def _connect_anew(transactional_db):
    yield
    connection.close()


def elsewhere(statement):
    """Carry out a statement on another connection."""
    database = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    options = {name: connection.settings_dict[key] or None for name, key in database.items()}
    with psycopg.connect(**options) as other:
        other.execute(statement)


def end(backend):
    elsewhere(f"SELECT pg_terminate_backend({backend}, 5000)")


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


@pytest.mark.skipif(sys.platform != "linux", reason="the time belongs to the sockets of Linux")
def test_what_is_sent_is_given_up_when_nobody_confirms_it_for_ten_seconds():
    pid()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as other:
        if other.family == socket.AF_UNIX:
            pytest.skip("a server on this machine does not vanish")
        assert other.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


def test_the_next_request_has_a_new_connection(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    connection.close()
    first = pid()
    close_old_connections()  # between requests
    end(first)

    assert pid() != first


@pytest.fixture
def _pool(_connect_anew, monkeypatch):
    """A pool of one connection, so that it is always the same that comes back."""
    connection.close()
    connection.close_pool()
    with monkeypatch.context() as pooled:
        pooled.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
        pooled.setitem(connection.settings_dict["OPTIONS"], "pool", {"min_size": 1, "max_size": 1})
        yield
        connection.close()
        connection.close_pool()


@pytest.fixture(params=["the-thread", "a-pool"])
def _kept_by(request):
    if request.param == "a-pool":
        request.getfixturevalue("_pool")


@pytest.mark.usefixtures("_kept_by")
def test_a_statement_that_a_migration_has_outdated_fails_once(client):
    visitor = ContactInboxFactory()
    for _time in range(4):  # so often that it is prepared
        assert read_contact(client, visitor).status_code == 200

    elsewhere("ALTER TABLE inquirly_contacts_contact ALTER name TYPE varchar(300)")
    statuses = []
    for _time in range(3):
        statuses.append(read_contact(client, visitor).status_code)
        close_old_connections()  # between requests
    elsewhere("ALTER TABLE inquirly_contacts_contact ALTER name TYPE varchar(255)")

    assert statuses == [503, 200, 200]
