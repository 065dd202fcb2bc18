"""The live updates of the page /try, with frames that come, or do not. A real server: test_cable_clients.py."""

import json

import pytest
from playwright.sync_api import expect

from inboxes.identity import identifier_hash
from inquirly_site.views import TryView

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")  # one process starts it

LISTENING = "Listening: what happens to this contact from now on is shown here."
AGAIN = "Listening again. What happened meanwhile is not sent again."
LOST = "The connection is lost. Next try in 1 s."
REFUSED = (
    "The server refused the pubsub_token of this session: it has ended, its contact is blocked, "
    "or the inbox does not allow this page."
)


def send(page):
    page.get_by_role("button", name="Send").click()
    page.wait_for_selector("#answer:not([hidden])")
    return json.loads(page.inner_text("#body"))


def expect_state(page, text):
    expect(page.get_by_role("region", name="Live updates").get_by_role("status")).to_have_text(text)


class Cable:
    """The server's end of the sockets that a page opens: ``sockets`` are those, ``tokens`` were subscribed with."""

    def __init__(self, page):
        self.sockets, self.tokens, self.answer = [], [], "confirm_subscription"
        page.route_web_socket("**/cable", self.open)

    def open(self, socket):
        self.sockets.append(socket)
        socket.on_message(self.subscribe)
        self.say(type="welcome")

    def subscribe(self, text):
        identifier = json.loads(text)["identifier"]
        self.tokens.append(json.loads(identifier)["pubsub_token"])
        self.say(type=self.answer, identifier=identifier)

    def say(self, **frame):
        self.sockets[-1].send(json.dumps(frame))


@pytest.fixture
def cable(page):
    return Cable(page)


@pytest.fixture
def try_page(live_server, inbox, cable, page):
    page.goto(f"{live_server.url}/try?inbox={inbox.identifier}")
    return page


def test_it_listens_again_after_a_loss_and_after_silence(try_page, cable):
    try_page.clock.install()
    created = send(try_page)
    expect_state(try_page, LISTENING)
    cable.sockets[-1].close(code=1011)

    expect_state(try_page, LOST)
    try_page.clock.run_for(1_000)
    expect_state(try_page, AGAIN)
    cable.say(message={"event": "contact.merged", "data": {}})
    expect(try_page.get_by_role("listitem").get_by_text("contact.merged")).to_be_visible()

    try_page.clock.run_for(6_000)
    cable.say(type="ping", message=1)
    expect_state(try_page, AGAIN)
    try_page.clock.run_for(8_000)

    expect_state(try_page, LOST)
    try_page.clock.run_for(1_000)
    expect_state(try_page, AGAIN)
    assert len(cable.tokens) >= 3  # on a slow machine there is more silence than was made here
    assert set(cable.tokens) == {created["pubsub_token"]}


def test_a_session_that_ends_is_told_and_the_next_one_is_listened_to(try_page, cable, inbox):
    visitor = send(try_page)
    expect_state(try_page, LISTENING)
    cable.say(type="disconnect", reason="session_rotated", reconnect=False)
    cable.sockets[-1].close()
    expect_state(
        try_page, "The session has ended (session_rotated). If it has signed in, the newest answer has the new token."
    )
    try_page.get_by_label("Update it").check()
    try_page.fill("#secret", inbox.hmac_token)
    try_page.fill("#identifier", "user-42")
    expect(try_page.locator("#hash")).to_have_text(identifier_hash(inbox.hmac_token, "user-42"))
    signed_in = send(try_page)

    expect_state(try_page, LISTENING)
    assert cable.tokens == [visitor["pubsub_token"], signed_in["pubsub_token"]]
    assert cable.tokens[0] != cable.tokens[1]


def test_the_session_of_the_last_answer_is_listened_to_once(try_page, cable):
    send(try_page)
    expect_state(try_page, LISTENING)
    try_page.get_by_label("Read it").check()
    send(try_page)

    expect_state(try_page, LISTENING)
    assert len(cable.tokens) == 1

    try_page.get_by_label("Create a contact").check()
    cable.answer = "reject_subscription"
    send(try_page)

    expect_state(try_page, REFUSED)
    assert len(cable.tokens) == 2

    try_page.locator("#inbox").press_sequentially("2")

    expect_state(try_page, "No session yet: create or read a contact.")


def test_a_server_without_live_updates_is_told(live_server, inbox, page, monkeypatch):
    page.goto(f"{live_server.url}/try?inbox={inbox.identifier}")
    send(page)

    expect_state(page, "The socket /cable cannot be opened: this server may not offer it. Next try in 1 s.")

    monkeypatch.setitem(TryView.extra_context, "realtime", False)
    page.reload()
    send(page)

    expect_state(page, "Live updates are not installed here: the server needs inquirly[realtime].")
