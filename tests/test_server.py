"""The site as it is deployed: two processes of a real server, and clients on real sockets."""

import json
import os
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from bench.raw_http import http1, http2, in_pieces
from contacts.models import Contact, ContactInbox
from inboxes.identity import identifier_hash

from .api import contacts_url
from .shell import Shell, call, database_url

ROOT = Path(__file__).parent.parent
SERVE = (
    "granian --interface wsgi --workers 2 --blocking-threads 4 --respawn-failed-workers --port 8000"
    " inquirly_site.wsgi:application"
)
ADA = b'{"name":"Ada"}'
CLIENTS, ROUNDS, IDENTIFIERS = 64, 4, 8

pytestmark = pytest.mark.xdist_group("connections")


def shell_for(directory, database_url, **environment) -> Shell:
    basics = {
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "inquirly_site.settings",
        "SECRET_KEY": "only-for-tests",
    }
    return Shell(directory, {**basics, "ALLOWED_HOSTS": "127.0.0.1", "DATABASE_URL": database_url, **environment})


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Shell:
    """The site on SQLite, with an inbox ``demo``."""
    directory = tmp_path_factory.mktemp("site")
    shell = shell_for(directory, f"sqlite:///{directory}/db.sqlite3")
    shell.run("python -m django migrate --verbosity 0")
    return shell


@pytest.fixture(scope="module")
def inbox_path(site) -> str:
    made = json.loads(site.run("python -m django createinbox Demo --format json"))
    return f"/public/api/v1/inboxes/{made['identifier']}"


@pytest.fixture(scope="module")
def address(site, inbox_path):
    with site.serving(SERVE) as address:
        yield address


@pytest.fixture
def names(site):
    """The names of the contacts on SQLite, which are none to begin with."""
    database = sqlite3.connect(site.directory / "db.sqlite3", isolation_level=None)
    database.execute("DELETE FROM inquirly_contacts_idempotencykey")
    database.execute("DELETE FROM inquirly_contacts_contactinbox")
    database.execute("DELETE FROM inquirly_contacts_contact")
    yield lambda: [name for (name,) in database.execute("SELECT name FROM inquirly_contacts_contact")]
    database.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_body_with_a_length_is_read(address, inbox_path, names, version):
    assert http1(address, f"{inbox_path}/contacts", [("Content-Length", "14")], ADA, version) == [200]
    assert names() == ["Ada"]


def test_a_client_that_asks_first_is_told_to_go_on(address, inbox_path, names):
    headers = [("Content-Length", "14"), ("Expect", "100-continue")]

    assert http1(address, f"{inbox_path}/contacts", headers, ADA) == [100, 200]
    assert names() == ["Ada"]


@pytest.mark.parametrize(
    ("version", "headers", "status"),
    [
        pytest.param("1.1", [("Transfer-Encoding", "chunked")], 411, id="chunked"),
        pytest.param(
            "1.1", [("Transfer-Encoding", "chunked"), ("Content-Length", "14")], 411, id="chunked-with-length"
        ),
        pytest.param("1.0", [("Transfer-Encoding", "chunked")], 400, id="chunked-in-http-1.0"),
        pytest.param("1.1", [("Transfer-Encoding", "gzip")], 400, id="other-transfer-encoding"),
        pytest.param("1.1", [("Content-Length", "-1")], 400, id="negative-length"),
        pytest.param("1.1", [("Content-Length", "14"), ("Content-Length", "3")], 400, id="two-lengths"),
    ],
)
def test_a_body_without_a_length_is_refused_and_not_dropped(address, inbox_path, names, version, headers, status):
    chunks = b"e\r\n" + ADA + b"\r\n0\r\n\r\n"

    assert http1(address, f"{inbox_path}/contacts", headers, chunks, version) == [status]
    assert names() == []


@pytest.mark.parametrize("arrived", [b"", ADA, b'{"name":'], ids=["nothing", "what-looks-whole", "half"])
def test_a_client_that_hangs_up_early_stores_nothing(address, inbox_path, names, arrived):
    answers = http1(address, f"{inbox_path}/contacts", [("Content-Length", "40")], arrived, hang_up=True)

    assert answers in ([400], [])  # [] when the server hangs up too
    assert names() == []


def test_a_refusal_waits_for_the_body_so_that_the_connection_lasts(address):
    head = "POST /public/api/v1/inboxes/unknown/contacts HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n"

    assert in_pieces(address, [head.encode(), ADA] * 2, pause=0.1) == [404, 404]


def test_without_a_length_there_is_no_body_in_http_1(address, inbox_path, names):
    """What follows is the beginning of another request, and none."""
    assert http1(address, f"{inbox_path}/contacts", [], ADA, hang_up=True)[0] == 200
    assert names() == [""]


def test_http_2_needs_no_length_and_its_body_is_not_dropped(address, inbox_path, names):
    answers = [
        http2(address, f"{inbox_path}/contacts", [("content-length", "14")], ADA),
        http2(address, f"{inbox_path}/contacts", [], ADA),
        http2(address, f"{inbox_path}/contacts", [], b""),
    ]

    assert [answer.get("status", 200) for answer in answers] == [200, 411, 200]
    assert names() == ["Ada", ""]


def test_on_sqlite_a_create_that_is_sent_thirty_times_at_once_waits_for_the_first_answer(address, inbox_path, names):
    def send(_time):
        return call(address, "POST", f"{inbox_path}/contacts", {"name": "Ada"}, **{"Idempotency-Key": "key"})

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(send, range(30)))

    assert answers == [(200, answers[0][1])] * 30
    assert names() == ["Ada"]


@pytest.mark.parametrize(
    ("first", "second", "statuses"),
    [
        pytest.param([" key \t"], ["key"], [200, 200], id="white-space-around-it-belongs-to-the-protocol"),
        pytest.param(["a", "b"], ["a", "b"], [200, 200], id="two-headers"),
        pytest.param([""], [""], [400, 400], id="empty"),
        pytest.param(["caf\xe9"], ["a b"], [400, 400], id="not-visible-ascii"),
    ],
)
def test_a_key_comes_as_the_server_hands_it_over(address, inbox_path, names, first, second, statuses):
    answers = [
        http1(
            address,
            f"{inbox_path}/contacts",
            [("Content-Length", "14"), *(("Idempotency-Key", key) for key in keys)],
            ADA,
        )
        for keys in (first, second)
    ]

    assert answers == [[status] for status in statuses]
    assert names() == ["Ada"] * (statuses == [200, 200])


@pytest.mark.skipif("REDIS_URL" not in os.environ, reason="without Redis, each process counts for itself")
def test_two_processes_count_together(site, inbox_path):
    # Another number of the same Redis: the tests of other processes empty theirs.
    redis = urlsplit(os.environ["REDIS_URL"])
    number = (int(redis.path.strip("/") or 0) + 1) % 16
    # A call that waits too long for Redis is served and not counted; here the machine may be slow.
    shared = redis._replace(path=f"/{number}", query="socket_timeout=10&socket_connect_timeout=10").geturl()
    limited = shell_for(
        site.directory,
        site.environment["DATABASE_URL"],
        REDIS_URL=shared,
        INQUIRLY_THROTTLE_RATES='{"other": "10/day"}',
    )

    with limited.serving(SERVE) as address, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _number: call(address, "GET", inbox_path), range(60)))

    assert Counter(status for status, _body in answers) == {200: 10, 429: 50}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_sixty_four_clients_at_once_lose_nothing(inbox, tmp_path):
    shell = shell_for(tmp_path, database_url(), INQUIRLY_THROTTLE_RATES='{"create": null, "other": null}')

    with shell.serving(SERVE) as address, ThreadPoolExecutor(CLIENTS) as pool:
        statuses = list(pool.map(lambda number: be_client(address, inbox, number), range(CLIENTS)))

    assert Counter(chain.from_iterable(statuses)) == {200: CLIENTS * ROUNDS * 4}
    assert ContactInbox.objects.count() == CLIENTS * ROUNDS * 2
    verified = Contact.objects.exclude(identifier=None).values_list("identifier", "custom_attributes")
    assert sorted(verified) == [
        (
            f"user-{user}",
            {f"{number}-{turn}": turn for number in range(user, CLIENTS, IDENTIFIERS) for turn in range(ROUNDS)},
        )
        for user in range(IDENTIFIERS)
    ]
    visitors = Contact.objects.filter(identifier=None).values_list("name", "custom_attributes")
    assert sorted(visitors) == sorted(
        (f"{number}-{turn}", {"turn": turn}) for number in range(CLIENTS) for turn in range(ROUNDS)
    )


def be_client(address, inbox, number) -> list[int]:
    """Create and update a visitor, read it, and send an attribute of a person whom others speak of too."""
    identifier = f"user-{number % IDENTIFIERS}"
    proof = {"identifier": identifier, "identifier_hash": identifier_hash(inbox.hmac_token, identifier)}
    statuses = []
    with closing(HTTPConnection(address, timeout=60)) as http:

        def send(method, path, fields=None):
            # A body that nobody reads, as of a GET, may end the connection.
            body = None if fields is None else json.dumps(fields)
            http.request(method, path, body, {"Content-Type": "application/json"})
            response = http.getresponse()
            statuses.append(response.status)
            return json.load(response)

        for turn in range(ROUNDS):
            name = f"{number}-{turn}"
            visitor = send("POST", contacts_url(inbox), {"name": name})
            path = f"{contacts_url(inbox)}/{visitor['source_id']}"
            send("PATCH", path, {"custom_attributes": {"turn": turn}})
            assert send("GET", path) == visitor
            send("POST", contacts_url(inbox), {**proof, "custom_attributes": {name: turn}})
    return statuses
