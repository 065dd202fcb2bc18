"""quickstart as it is run on a fresh clone: in a process of its own, with an empty environment."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.sync.client import connect

from inboxes.identity import identifier_hash
from inquirly_site import server

ROOT = Path(__file__).parent.parent

# One process makes the demo, once.
pytestmark = pytest.mark.xdist_group("quickstart")


@pytest.fixture
def database(tmp_path):
    return tmp_path / "db.sqlite3"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """What a first run printed, ``first.database`` is what it made."""
    database = tmp_path_factory.mktemp("first") / "db.sqlite3"
    done = quickstart(database, "--once")
    done.database = database
    return done


@pytest.fixture
def made(first, tmp_path):
    """A database as the first run left it, with its pictures."""
    return Path(shutil.copytree(first.database.parent, tmp_path / "made"), first.database.name)


def media(database):
    return database.with_name("media")


def picture(database):
    """Return how far the picture of the contact is, and what is stored of it."""
    with closing(sqlite3.connect(database)) as rows:
        ((state, name),) = rows.execute("SELECT avatar_state, avatar FROM inquirly_contacts_contact")
    return state, (media(database) / name).read_bytes() if name else None


def quickstart(database, *options, **variables):
    environment = {"DATABASE_URL": f"sqlite:///{database}", "MEDIA_ROOT": str(media(database)), **variables}
    command = [sys.executable, "manage.py", "quickstart", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def shown(done, label):
    return re.search(rf"^{label} +(.+)$", done.stdout, re.MULTILINE)[1]


def curl(done):
    """Return address and body of the call that is printed for pasting."""
    line = next(line for line in done.stdout.splitlines() if line.startswith("curl "))
    command, silent, url, *options = shlex.split(line)
    assert (command, silent, options[:3]) == ("curl", "-s", ["-H", "Content-Type: application/json", "-d"])
    return url, json.loads(options[3])


def paste_password_command(database, done):
    """Run the command that is printed for pasting, type a password twice and return what it says."""
    printed = done.stdout.splitlines()
    command = printed[printed.index("Set another password:") + 2]
    environment = {"DATABASE_URL": f"sqlite:///{database}", "PATH": os.environ["PATH"]}
    # Of a terminal it would ask there; a session of its own has none.
    options = {"cwd": ROOT, "env": environment, "start_new_session": True, "text": True}
    typed = "a new password\n" * 2
    return subprocess.run(["bash", "-c", command], **options, input=typed, capture_output=True, timeout=60).stdout


def test_once_makes_everything_and_answers_its_own_call(first):
    assert first.returncode == 0, first.stderr
    status, answer = first.stdout.splitlines()[-2:]
    assert status == "200"
    assert json.loads(answer).keys() == {"id", "source_id", "pubsub_token", "name", "email", "phone_number"}
    url, body = curl(first)
    assert re.fullmatch(r"http://127\.0\.0\.1:80\d\d/public/api/v1/inboxes/demo/contacts", url)
    proof = identifier_hash(shown(first, "HMAC token"), "user-42")
    site = url.removesuffix("/public/api/v1/inboxes/demo/contacts")
    assert body == {
        "identifier": "user-42",
        "identifier_hash": proof,
        "name": "Ada Lovelace",
        "avatar_url": f"{site}/static/inquirly_site/ada.png",
    }
    pages = ["Home", "Try it", "API", "Reference", "Admin"]
    paths = ["/", "/try?inbox=demo", "/docs/", "/redoc/", "/admin/"]
    assert [shown(first, page) for page in pages] == [site + path for path in paths]
    assert len(shown(first, "Password")) == 16
    state, stored = picture(first.database)
    assert state == "fetched"
    assert stored[8:12] == b"WEBP"


def test_a_second_run_reuses_what_is_there_and_tells_how_to_set_another_password(first, made):
    second = quickstart(made, "--once")

    assert second.returncode == 0, second.stderr
    (_, sent_first), (_, sent_second) = curl(first), curl(second)
    assert sent_second == {**sent_first, "avatar_url": sent_second["avatar_url"]}  # another port, if tests run beside
    assert shown(second, "Password") == "as printed before"
    assert "Password changed successfully" in paste_password_command(made, second)
    with sqlite3.connect(made) as rows:
        tables = ["inquirly_inboxes_account", "inquirly_inboxes_inbox", "inquirly_contacts_contact", "auth_user"]
        assert [rows.execute(f"SELECT COUNT(*) FROM {table}").fetchone() for table in tables] == [(1,)] * 4
    rows.close()


def test_a_port_that_is_taken_is_passed_over_and_told(made):
    with server.bind() as first, server.bind() as second:
        done = quickstart(made, "--once")

        served = int(re.search(r"http://127\.0\.0\.1:(\d+)/", done.stdout)[1])
        assert served not in (first.server_port, second.server_port)
        # Tests beside this one may hold or free the first port at any moment.
        assert done.stdout.startswith(f"8000 is in use, serving on {served}.\n") is (served != 8000)
        assert first.server_port != second.server_port
        assert {first.server_address[0], second.server_address[0]} == {"127.0.0.1"}
        assert {first.server_port, second.server_port} <= {*range(8000, 8100)}


def test_an_answer_other_than_200_fails_the_run(made):
    with sqlite3.connect(made) as rows:
        rows.execute("UPDATE inquirly_contacts_contact SET blocked = 1")
    rows.close()
    done = quickstart(made, "--once")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-2] == "403"
    assert "The answer should have been 200." in done.stderr


@pytest.mark.parametrize("variables", [{}, {"DJANGO_DEBUG": "false"}])
def test_it_refuses_outside_debug(database, variables):
    done = quickstart(database, "--once", SECRET_KEY="key", ALLOWED_HOSTS="example.com", **variables)

    assert done.returncode == 1
    assert done.stdout == ""
    assert "Set DJANGO_DEBUG=true if this is no production site." in done.stderr
    with sqlite3.connect(database) as rows:
        assert rows.execute("SELECT name FROM sqlite_master").fetchall() == []
    rows.close()


@pytest.fixture
def served(made):
    with serving(made) as running:
        yield running


@contextmanager
def serving(database, **variables):
    """Yield the connection to a running quickstart, its output, its log and its process."""
    command = [sys.executable, "-u", "manage.py", "quickstart"]
    environment = {"DATABASE_URL": f"sqlite:///{database}", "MEDIA_ROOT": str(media(database)), **variables}
    log = database.with_name("log")
    with log.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)
        lines = []
        while not lines or not lines[-1].startswith("Serving"):
            lines.append(process.stdout.readline())
            assert lines[-1], log.read_text()
        port = int(re.search(r"127\.0\.0\.1:(\d+)", "".join(lines))[1])
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                yield connection, "".join(lines), log, process
        finally:
            process.kill()
            process.communicate()


def get(connection, path):
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_it_serves_pages_styles_and_calls_and_tells_no_secret(served):
    connection, _, log, _ = served
    for path in ["/", "/try", "/docs/", "/redoc/", "/openapi.yaml", "/healthz", "/static/admin/css/base.css"]:
        assert get(connection, path)[0] == 200
    call = f"/public/api/v1/inboxes/demo/contacts/{'s' * 32}?identifier_hash={'0' * 64}"

    assert get(connection, call)[0] == 401
    written = log.read_text()
    assert "/public/api/v1/inboxes/demo/contacts/…" in written
    assert "ssss" not in written
    assert "0000" not in written


def test_it_serves_live_updates_from_the_same_process(served):
    connection, _, _, _ = served
    contacts = "/public/api/v1/inboxes/demo/contacts"
    contact = send(connection, "POST", contacts, name="Ada")
    session = json.dumps({"channel": "RoomChannel", "pubsub_token": contact["pubsub_token"]})
    with connect(f"ws://127.0.0.1:{connection.port}/cable") as socket:
        socket.send(json.dumps({"command": "subscribe", "identifier": session}))
        first = [json.loads(socket.recv(10))["type"] for _frame in range(2)]
        send(connection, "PATCH", f"{contacts}/{contact['source_id']}", name="Grace")
        frames = (json.loads(socket.recv(10)) for _frame in range(4))  # pings come too
        event = next(frame["message"] for frame in frames if "identifier" in frame)

    assert first == ["welcome", "confirm_subscription"]
    assert (event["event"], event["data"]["name"]) == ("contact.updated", "Grace")


def send(connection, method, path, **fields):
    connection.request(method, path, json.dumps(fields), {"Content-Type": "application/json"})
    return json.load(connection.getresponse())


def test_without_the_packages_of_live_updates_it_serves_all_else(made, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['channels'] = None")
    with serving(made, PYTHONPATH=str(tmp_path)) as (connection, _, _, _):
        assert get(connection, "/")[0] == 200
        assert get(connection, "/cable")[0] == 404


def test_ctrl_c_ends_it_quietly(served):
    _, _, log, process = served
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)

    assert process.returncode == 0
    assert log.read_text() == ""


def test_ctrl_c_ends_it_while_a_socket_is_open(served):
    connection, _, log, process = served
    with connect(f"ws://127.0.0.1:{connection.port}/cable") as socket:
        assert json.loads(socket.recv(10)) == {"type": "welcome"}
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)

    assert process.returncode == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_printed_line_can_be_pasted_and_its_picture_comes(database):
    with serving(database) as (_, printed, _, _):
        line = next(line for line in printed.splitlines() if line.startswith("curl "))
        done = subprocess.run(["bash", "-c", f"{line} -sS --noproxy '*'"], capture_output=True, text=True, check=True)

        assert json.loads(done.stdout)["name"] == "Ada Lovelace"
        until = time.monotonic() + 30
        while picture(database)[0] != "fetched" and time.monotonic() < until:
            time.sleep(0.1)
        assert picture(database)[0] == "fetched"


def test_a_server_that_cannot_start_says_why(monkeypatch):
    class Broken:
        def __init__(self, *args, **kwargs):
            pass

        def stop(self):
            pass

        async def serve(self):
            raise OSError("No server today.")

    monkeypatch.setattr(server, "Server", Broken)
    told = []

    with pytest.raises(OSError, match="today"):
        server.serve_with_sockets(1, lambda: told.append("serving"))
    assert told == []
