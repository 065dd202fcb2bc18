"""Clients that others wrote, and the page /try, listen to a real server while a contact is changed through HTTP."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from inboxes.models import Inbox

from .api import contacts_url, signed
from .readme import block
from .shell import Shell, call

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("connections")

TESTS = Path(__file__).parent
PACKAGES = ["@rails/actioncable@8.1.400", "ws@8.23.0"]
SERVE = "granian --interface asgi --workers 1 --port 8000 inquirly_site.asgi:application"


@dataclass(frozen=True)
class Site:
    """HTTP and ``/cable`` in one process; ``address`` is ``host:port``, ``inbox`` is stored there."""

    address: str
    inbox: Inbox

    @property
    def cable(self) -> str:
        return f"ws://{self.address}/cable"

    @property
    def contacts(self) -> str:
        return contacts_url(self.inbox)

    def create(self, **fields: Any) -> dict[str, Any]:
        return self._contact("POST", self.contacts, fields)

    def update(self, contact: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return self._contact("PATCH", f"{self.contacts}/{contact['source_id']}", fields)

    def _contact(self, method: str, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        status, body = call(self.address, method, path, fields)
        assert status == 200, body
        return body


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """The site on a database of its own."""
    directory = tmp_path_factory.mktemp("site")
    environment = {
        "PYTHONPATH": str(TESTS.parent),
        "DJANGO_SETTINGS_MODULE": "inquirly_site.settings",
        "SECRET_KEY": "only-for-tests",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
    }
    shell = Shell(directory, environment)
    shell.run("python -m django migrate --verbosity 0")
    made = json.loads(shell.run("python -m django createinbox Demo --format json"))
    with shell.serving(SERVE) as address:
        yield Site(address, Inbox(identifier=made["identifier"], hmac_token=made["hmac_token"]))


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """A directory in which Node finds the client of Rails, and what that expects of a browser."""
    if not shutil.which("npm"):
        pytest.skip("Node is not installed")
    directory = tmp_path_factory.mktemp("node")
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    if subprocess.run(install, cwd=directory, timeout=120).returncode:
        pytest.skip(f"npm cannot install {' and '.join(PACKAGES)}")
    shutil.copy(TESTS / "browser_globals.mjs", directory)
    return directory


class Listener:
    """A client in a process of its own: a token a line goes in, a JSON text a line tells what happens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def listen(self, contact: dict[str, Any]) -> Any:
        self.process.stdin.write(contact["pubsub_token"] + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> Any:
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)


@contextmanager
def listening(command: list[str], directory: Path) -> Iterator[Listener]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=directory, text=True, **pipes) as process:
        try:
            yield Listener(process)
        finally:
            process.kill()


def event(contact: dict[str, Any], name: str = "contact.updated") -> dict[str, Any]:
    """Return what a session is told of a contact: all that the API answers but the token."""
    return {"event": name, "data": {key: value for key, value in contact.items() if key != "pubsub_token"}}


def test_the_client_of_rails_listens_as_the_readme_has_it(site, packages):
    code = block("cable").replace("wss://inquirly.example.com/cable", site.cable)
    (packages / "client.mjs").write_text(code + (TESTS / "actioncable_client.mjs").read_text())

    with listening(["node", "--import", "./browser_globals.mjs", "client.mjs"], packages) as listener:
        contact = site.create(name="Ada")
        assert listener.listen(contact) == "read"
        contact = site.update(contact, email="ada@example.com")
        assert listener.hear() == event(contact)

        other = site.create(name="Grace")
        assert listener.listen(other) == "read"
        contact = site.update(contact, **signed(site.inbox, "user-42"))
        assert listener.hear() == "ended"
        other = site.update(other, email="grace@example.com")
        assert listener.hear() == event(other)
        assert listener.listen(contact) == "read"
        contact = site.update(contact, name="Ada Lovelace")
        assert listener.hear() == event(contact)

        assert listener.listen({"pubsub_token": "of nobody"}) == "ended"


def test_a_client_in_python_listens(site, tmp_path):
    contact = site.create(name="Ada")

    with listening([sys.executable, TESTS / "aioactioncable_client.py", site.cable], tmp_path) as listener:
        assert listener.listen(contact) == "confirmed"
        contact = site.update(contact, email="ada@example.com")
        assert listener.hear() == event(contact)


def test_the_page_shows_a_change_as_it_happens(site, page, complaints):
    page.goto(f"http://{site.address}/try?inbox={site.inbox.identifier}")
    page.get_by_role("button", name="Send").click()
    live = page.get_by_role("region", name="Live updates")
    expect(live.get_by_role("status")).to_contain_text("Listening")
    changed = site.update(json.loads(page.inner_text("#body")), name="Ada")

    item = live.get_by_role("log").get_by_role("listitem")
    expect(item.get_by_text("contact.updated")).to_be_visible()
    assert json.loads(item.locator("pre").inner_text()) == event(changed)["data"]
    expect(item.locator("time")).to_have_count(1)
    assert complaints == []
