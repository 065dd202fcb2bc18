"""``/cable`` as it is deployed: calls and sockets in processes of their own, Redis between them, a real client."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from bench.faults import redis_server
from inboxes.models import Inbox

from .api import contacts_url
from .cable import WELCOME, confirmed, disconnected, identifier
from .shell import Shell, call, wait_until

ROOT = Path(__file__).parent.parent
CALLS = "granian --interface wsgi --blocking-threads 4 --port 8000 inquirly_site.wsgi:application"
SOCKETS = "granian --interface asginl --port 8000 inquirly_site.asgi:application"
DELETE = "from contacts.models import Contact; Contact.objects.get(pk={}).delete()"
RENAME = "from contacts.models import Contact; c = Contact.objects.get(); c.name = 'Staff'; c.save()"

pytestmark = pytest.mark.xdist_group("connections")


class Site:
    """The site with all its processes; ``contact`` is the answer to the only create."""

    def __init__(self, redis, calls, sockets, shells, inbox):
        self.redis, self.calls, self.sockets, self.shells = redis, calls, sockets, shells
        self.contacts = contacts_url(inbox)
        self.contact = call(calls, "POST", self.contacts, {"name": "Ada"})[1]

    @property
    def identifier(self):
        return identifier(self.contact["pubsub_token"])

    def connect(self, path="/cable"):
        return connect(f"ws://{self.sockets}{path}", subprotocols=["actioncable-v1-json"])

    def rename(self, name):
        """Change the contact; a call that takes long fails the test."""
        start = time.monotonic()
        assert call(self.calls, "PATCH", f"{self.contacts}/{self.contact['source_id']}", {"name": name})[0] == 200
        assert time.monotonic() - start < 5

    def listen(self, socket):
        assert json.loads(socket.recv(10)) == WELCOME
        socket.send(json.dumps({"command": "subscribe", "identifier": self.identifier}))
        assert heard(socket) == confirmed(self.identifier)

    def log(self):
        return "".join((shell.directory / "server.log").read_text() for shell in self.shells)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if redis_server.missing():
        pytest.skip("redis-server is not installed")
    directory = tmp_path_factory.mktemp("site")
    environment = {
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "inquirly_site.settings",
        "SECRET_KEY": "only-for-tests",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
    }
    with redis_server.serving() as redis:
        # A name, as most have it: it has to be looked up.
        environment["REDIS_URL"] = redis.url.replace("127.0.0.1", "localhost")
        shells = [Shell(tmp_path_factory.mktemp(name), environment) for name in ("calls", "sockets")]
        shells[0].run("python -m django migrate --verbosity 0")
        made = json.loads(shells[0].run("python -m django createinbox Demo --format json"))
        with shells[0].serving(CALLS) as calls, shells[1].serving(SOCKETS) as sockets:
            yield Site(redis, calls, sockets, shells, Inbox(identifier=made["identifier"]))


def heard(socket, seconds=10):
    """Return the next frame that is no ping; raises ``TimeoutError``."""
    deadline = time.monotonic() + seconds
    while (frame := json.loads(socket.recv(max(deadline - time.monotonic(), 0)))).get("type") == "ping":
        pass
    return frame


def hears(socket, site, name):
    """Return whether a change is heard of soon."""
    site.rename(name)
    try:
        return name_in(heard(socket, 0.2)) == name
    except TimeoutError:
        return False


def name_in(frame):
    assert frame["message"]["event"] == "contact.updated"
    return frame["message"]["data"]["name"]


def test_what_one_process_changes_the_sockets_of_another_hear(site):
    with site.connect() as socket:
        assert socket.subprotocol == "actioncable-v1-json"
        site.listen(socket)
        site.rename("Grace")

        contact = {key: site.contact[key] for key in ("id", "source_id", "email", "phone_number")}
        assert heard(socket) == {
            "identifier": site.identifier,
            "message": {"event": "contact.updated", "data": {**contact, "name": "Grace"}},
        }


def test_who_is_sent_away_is_not_kept_waiting(site):
    other = call(site.calls, "POST", site.contacts, {"name": "Grace"})[1]
    mine = identifier(other["pubsub_token"])
    with site.connect() as socket:
        assert json.loads(socket.recv(10)) == WELCOME
        socket.send(json.dumps({"command": "subscribe", "identifier": mine}))
        assert heard(socket) == confirmed(mine)
        site.shells[0].run(f'python -m django shell -c "{DELETE.format(other["id"])}"')

        assert heard(socket) == disconnected("session_erased")
        with pytest.raises(ConnectionClosedOK):
            socket.recv(2)


def test_a_command_tells_before_it_ends(site):
    with site.connect() as socket:
        site.listen(socket)
        site.shells[0].run(f'python -m django shell -c "{RENAME}"')

        assert name_in(heard(socket)) == "Staff"


def test_a_server_that_stops_tells_first(site, tmp_path):
    path, shell = f"{site.contacts}/{site.contact['source_id']}", Shell(tmp_path, site.shells[0].environment)
    with site.connect() as socket:
        site.listen(socket)
        with shell.serving(CALLS, stop=signal.SIGTERM) as calls:
            assert call(calls, "PATCH", path, {"name": "Last"})[0] == 200

        assert name_in(heard(socket)) == "Last"


def test_what_is_too_large_ends_the_connection(site):
    with site.connect() as socket:
        site.listen(socket)
        socket.send("x" * 9_000)

        assert heard(socket) == disconnected("frame_too_large")
        with pytest.raises(ConnectionClosedOK):
            socket.recv(10)


def test_other_addresses_are_refused(site):
    with pytest.raises(InvalidStatus) as refused, site.connect("/other"):
        pass

    assert refused.value.response.status_code == 403


def test_while_redis_is_away_calls_go_on_and_sockets_stay_and_what_was_lost_is_counted(site):
    with site.connect() as socket:
        site.listen(socket)
        site.redis.stop()
        for number in range(3):
            site.rename(f"lost {number}")
        site.redis.start()
        assert any(hears(socket, site, f"told {number}") for number in range(50))

    wait_until(lambda: "Sockets are told of changes again; lost meanwhile: " in site.log())
    assert site.log().count("Sockets are not told of changes: no answer") == 1
    assert "Traceback" not in site.log()


def test_nobody_has_logged_a_token(site):
    log = site.log()

    assert "Started worker" in log
    assert site.contact["pubsub_token"] not in log
    assert site.contact["source_id"] not in log


WITHOUT = """
import asyncio, sys
sys.modules["channels"] = sys.modules["channels_redis"] = None
from inquirly_site.asgi import application
from django.core.management import call_command

async def connect(path):
    sent = []
    scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": []}
    async def send(message):
        sent.append(message)
    async def receive():
        return {"type": "websocket.connect"}
    await application(scope, receive, send)
    return sent

print(asyncio.run(connect("/cable")))
call_command("migrate", verbosity=0)
call_command("check", deploy=True)
from contacts.models import Contact
from inboxes.models import Account
contact = Contact.objects.create(account=Account.objects.create(name="Shop"))
contact.name = "Ada"
contact.save()
SOCKETS = ("contacts.realtime", "contacts.consumers", "contacts.cable_broadcast")
print(sorted(name for name in sys.modules if name in SOCKETS))
try:
    import contacts.routing
except ImportError as error:
    print(error)
"""
INSTALL = "/cable needs more packages. Run: python -m pip install 'inquirly[realtime]'"


def test_without_the_extra_all_else_works_and_a_socket_says_what_to_install(tmp_path):
    environment = {"DJANGO_DEBUG": "true", "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    command = [sys.executable, "-W", "error", "-c", WITHOUT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines() == ["[{'type': 'websocket.close'}]", "[]", INSTALL]
    assert f"A socket was refused: {INSTALL}" in done.stderr
    assert "Traceback" not in done.stderr
