import subprocess
import sys
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

ROOT = Path(__file__).parent.parent
ASK = """
import django
django.setup()
from django.test import Client
response = Client().get("/healthz", headers={"host": "localhost"})
print(response.status_code, response.content.decode())
"""


def test_it_is_well_when_the_database_answers(client, db):
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok"}
    assert "no-store" in response.headers["Cache-Control"]
    assert not client.cookies


def test_it_asks_the_database_once(client, django_assert_num_queries, db):
    with django_assert_num_queries(1):
        client.get("/healthz")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a database in memory is never closed")
@pytest.mark.django_db(transaction=True)
def test_the_server_of_sockets_keeps_no_connection_for_it(async_client):
    response = async_to_sync(async_client.get)("/healthz")

    assert response.status_code == 200
    assert connection.connection is None


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgres://me:secret@127.0.0.1:1/inquirly", id="postgresql"),
        pytest.param("sqlite:////nowhere/at/all.sqlite3", id="sqlite"),
    ],
)
def test_it_is_not_when_the_database_is_away(url):
    variables = {"DATABASE_URL": url, "DJANGO_DEBUG": "true", "DJANGO_SETTINGS_MODULE": "inquirly_site.settings"}
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)

    assert done.stdout == '503 {"status": "unavailable", "database": "away"}\n', done.stderr
    assert "secret" not in done.stderr


def test_it_answers_whatever_host_is_named(client, db, settings):
    settings.ALLOWED_HOSTS = ["inquirly.example.com"]
    answers = [client.get(path, headers={"host": "10.0.0.7"}).status_code for path in ("/healthz", "/", "/healthz/")]

    assert answers == [200, 400, 400]


def test_nobody_can_change_anything_there(client):
    assert client.post("/healthz").status_code == 405
