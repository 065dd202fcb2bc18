"""``/cable``: the Action Cable protocol, and which streams a socket can open."""

import importlib
import sys

import pytest
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from contacts import cable, cable_streams, consumers, routing
from contacts.cable_outage import Outage
from contacts.consumers import MAX_SUBSCRIPTIONS
from inboxes.tokens import new_pubsub_token

from .cable import Socket, application, confirmed, connected, connecting, disconnected, identifier, in_loop, rejected
from .factories import ContactInboxFactory


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        pytest.param(("actioncable-v1-json", "actioncable-unsupported"), "actioncable-v1-json", id="as-rails-does"),
        pytest.param((), None, id="none"),
        pytest.param(("graphql-ws",), None, id="another"),
    ],
)
@in_loop
async def test_the_protocol_is_chosen_when_it_is_offered(offered, chosen):
    socket = connecting(offered=offered)

    assert await socket.connect() == (True, chosen)
    assert await socket.receive_from() == '{"type":"welcome"}'
    await socket.disconnect()


@in_loop
async def test_a_token_opens_the_stream_of_its_session(visitor):
    mine = identifier(visitor.pubsub_token)
    async with connected() as socket:
        assert await socket.ask(mine) == confirmed(mine)


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param('{ "pubsub_token" : "TOKEN",\n"channel":"RoomChannel" }', id="white-space-and-order"),
        pytest.param('{"channel":"RoomChannel","pubsub_token":"TOKEN","user_id":1,"account_id":2}', id="other-keys"),
        pytest.param('{"channel":"Room\\u0043hannel","pubsub_token":"TOKEN","x":"\\ud800 é \\u00e9"}', id="escapes"),
    ],
)
@in_loop
async def test_an_identifier_comes_back_as_it_was_sent(visitor, spelling):
    mine = spelling.replace("TOKEN", visitor.pubsub_token)
    async with connected() as socket:
        assert await socket.ask(mine) == confirmed(mine)


@in_loop
async def test_a_client_may_subscribe_before_it_is_welcomed(visitor):
    mine = identifier(visitor.pubsub_token)
    socket = connecting()
    await socket.send_input({"type": "websocket.connect"})
    await socket.command("subscribe", mine)

    assert (await socket.receive_output())["type"] == "websocket.accept"
    assert [await socket.frame(), await socket.frame()] == [{"type": "welcome"}, confirmed(mine)]
    await socket.disconnect()


WRONG = [
    pytest.param(identifier(new_pubsub_token()), id="unknown-token"),
    pytest.param(identifier(""), id="empty-token"),
    pytest.param(identifier(None), id="no-token"),
    pytest.param(identifier(["a"]), id="token-in-a-list"),
    pytest.param(identifier(7), id="number"),
    pytest.param(identifier("a\0b"), id="nul"),
    pytest.param(identifier("\ud800"), id="lone-surrogate"),
    pytest.param(identifier("a" * 65), id="too-long"),
    pytest.param('{"channel":"RoomChannel"}', id="token-is-missing"),
    pytest.param("RoomChannel", id="no-json"),
    pytest.param("", id="empty"),
    pytest.param("[]", id="list"),
    pytest.param("null", id="null"),
    pytest.param("[" * 4000, id="deep"),
    pytest.param("9" * 5000, id="huge-number"),
    pytest.param("\udfff\0", id="no-text"),
]


@pytest.mark.parametrize("wrong", WRONG)
@in_loop
async def test_what_opens_nothing_is_rejected_by_its_own_name(db, caplog, wrong):
    async with connected() as socket:
        assert await socket.ask(wrong) == rejected(wrong)
        assert await socket.lives()
    assert not caplog.records


@pytest.mark.parametrize("channel", ["PresenceChannel", "roomchannel", "", None, 1])
@in_loop
async def test_another_channel_is_rejected(visitor, channel):
    wrong = identifier(visitor.pubsub_token, channel=channel)
    async with connected() as socket:
        assert await socket.ask(wrong) == rejected(wrong)


@pytest.mark.parametrize("secret", ["source_id", "other_case"])
@in_loop
async def test_only_the_very_token_opens_it(visitor, secret):
    wrong = identifier(visitor.pubsub_token.swapcase() if secret == "other_case" else visitor.source_id)
    async with connected() as socket:
        assert await socket.ask(wrong) == rejected(wrong)


@in_loop
async def test_the_stream_of_a_blocked_contact_is_closed(visitor):
    visitor.contact.blocked = True
    await visitor.contact.asave()
    async with connected() as socket:
        assert await socket.ask(identifier(visitor.pubsub_token)) == rejected(identifier(visitor.pubsub_token))


@pytest.mark.parametrize("hmac_verified", [True, False])
@in_loop
async def test_where_proof_is_mandatory_only_a_session_that_brought_it_is_heard(customer, hmac_verified):
    customer.inbox.hmac_mandatory, customer.hmac_verified = True, hmac_verified
    await customer.inbox.asave()
    await customer.asave()
    mine = identifier(customer.pubsub_token)
    async with connected() as socket:
        assert await socket.ask(mine) == (confirmed(mine) if hmac_verified else rejected(mine))


@pytest.mark.parametrize(
    ("allowed", "origin", "answer"),
    [
        pytest.param([], "https://any.example.com", confirmed, id="any"),
        pytest.param(["https://www.example.com"], "https://www.example.com", confirmed, id="allowed"),
        pytest.param(["https://www.example.com"], "https://evil.example.com", rejected, id="another"),
        pytest.param(["https://www.example.com"], "null", rejected, id="null"),
        pytest.param(["https://www.example.com"], None, confirmed, id="no-browser"),
        pytest.param(["https://www.example.com"], "https://chat.example.com", confirmed, id="the-address-itself"),
        pytest.param(["https://www.example.com"], "https://chat.example.com:443", confirmed, id="with-its-port"),
        pytest.param(["https://www.example.com"], "http://chat.example.com:80", confirmed, id="with-the-port-of-http"),
        pytest.param(["https://www.example.com"], "https://chat.example.com:8443", rejected, id="another-port"),
    ],
)
@in_loop
async def test_a_page_hears_of_inboxes_that_allow_its_origin(visitor, allowed, origin, answer):
    visitor.inbox.allowed_origins = allowed
    await visitor.inbox.asave()
    mine = identifier(visitor.pubsub_token)
    async with connected(origin=origin, host="chat.example.com") as socket:
        assert await socket.ask(mine) == answer(mine)


@in_loop
async def test_sixteen_streams_may_be_open_and_one_that_is_closed_makes_room(visitor):
    names = [identifier(visitor.pubsub_token, number=number) for number in range(MAX_SUBSCRIPTIONS + 1)]
    async with connected() as socket:
        answers = [await socket.ask(name) for name in names]
        await socket.command("unsubscribe", names[3])
        again = await socket.ask(names[-1])

    assert answers == [*map(confirmed, names[:-1]), rejected(names[-1])]
    assert again == confirmed(names[-1])


@in_loop
async def test_a_subscription_that_is_there_is_not_confirmed_again(visitor):
    async with connected() as socket:
        mine = await socket.listen(visitor)
        await socket.command("subscribe", mine)

        assert await socket.lives()


@pytest.mark.parametrize(
    "data", ['{"action":"update_presence"}', {"action": "update_presence"}, None, "nonsense", 7, ["x"]]
)
@in_loop
async def test_messages_are_taken_and_not_answered(visitor, data):
    async with connected() as socket:
        mine = await socket.listen(visitor)
        await socket.command("message", mine, data=data)

        assert await socket.lives()


NONSENSE = [
    pytest.param("", id="empty"),
    pytest.param("{", id="broken"),
    pytest.param("[" * 8000, id="deep"),
    pytest.param("[]", id="list"),
    pytest.param("7", id="number"),
    pytest.param("9" * 8000, id="huge-number"),
    pytest.param("{}", id="nothing-in-it"),
    pytest.param('{"command":"subscribe"}', id="no-identifier"),
    pytest.param('{"identifier":"x"}', id="no-command"),
    pytest.param('{"command":["subscribe"],"identifier":"x"}', id="command-in-a-list"),
    pytest.param('{"command":"subscribe","identifier":{"channel":"RoomChannel"}}', id="identifier-is-an-object"),
    pytest.param('{"command":"__class__","identifier":"x"}', id="unknown-command"),
    pytest.param('{"command":"unsubscribe","identifier":"x"}', id="never-subscribed"),
    pytest.param('{"type":"cable.end","group":"x"}', id="of-the-layer"),
]


@pytest.mark.parametrize("nonsense", NONSENSE)
@in_loop
async def test_nonsense_is_survived(visitor, caplog, nonsense):
    async with connected() as socket:
        await socket.listen(visitor)
        await socket.send_input({"type": "websocket.receive", "text": nonsense})

        assert await socket.lives()
    assert not caplog.records


@in_loop
async def test_bytes_are_survived(visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        await socket.send_to(bytes_data=b"\xff\x00{}")

        assert await socket.lives()


@pytest.mark.parametrize("path", ["/", "/cable/", "/cables", "/public/api/v1/cable", "/cable/x"])
@in_loop
async def test_other_addresses_are_refused(path):
    connected, _code = await Socket(application, path).connect()

    assert not connected


@in_loop
async def test_a_socket_may_hold_the_streams_of_many_sessions(inbox):
    sessions = await sync_to_async(ContactInboxFactory.create_batch)(3, inbox=inbox)
    async with connected() as socket:
        for session in sessions:
            await socket.listen(session)

        assert get_channel_layer().groups.keys() == {cable_streams.group(one.pubsub_token) for one in sessions}


class Away(InMemoryChannelLayer):
    """A layer that does not answer whoever does what ``step`` names."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    async def new_channel(self, *args):
        return await self._answer("new_channel") or await super().new_channel(*args)

    async def group_add(self, *args):
        return await self._answer("group_add") or await super().group_add(*args)

    async def group_discard(self, *args):
        return await self._answer("group_discard") or await super().group_discard(*args)

    async def _answer(self, step):
        if step == self.step:
            raise ConnectionError("redis://:password@layer")


@pytest.fixture
def away(settings, monkeypatch):
    """Return what lets the channel layer be away for one of its steps."""
    monkeypatch.setattr(consumers, "outage", Outage("Streams cannot be opened", "Streams can be opened again"))

    def away(step):
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.test_cable.Away", "CONFIG": {"step": step}}}

    return away


UNAVAILABLE = "Streams cannot be opened: no answer (ConnectionError)"


@in_loop
async def test_while_the_layer_is_away_a_client_is_told_to_come_again(visitor, away, caplog):
    away("group_add")
    for _time in range(2):
        async with connected() as socket:
            assert await socket.ask(identifier(visitor.pubsub_token)) == disconnected("unavailable", reconnect=True)
            assert await socket.closes()
    away("")
    async with connected() as socket:
        await socket.listen(visitor)

    assert [record.getMessage() for record in caplog.records] == [
        UNAVAILABLE,
        "Streams can be opened again; lost meanwhile: 2",
    ]


@in_loop
async def test_while_not_even_a_channel_can_be_had_connections_are_refused(db, away, caplog):
    away("new_channel")
    for _time in range(2):
        accepted, _code = await connecting().connect()
        assert not accepted

    assert [record.getMessage() for record in caplog.records] == [UNAVAILABLE]


@in_loop
async def test_a_layer_that_is_away_in_the_end_is_nobody_s_trouble(visitor, away, caplog):
    away("group_discard")
    async with connected() as socket:
        await socket.listen(visitor)

    assert not caplog.records


@in_loop
async def test_while_the_database_is_away_a_client_is_told_to_come_again(visitor, away, monkeypatch):
    def fail(*args):
        raise OperationalError

    monkeypatch.setattr(cable_streams, "open_to", fail)
    async with connected() as socket:
        assert await socket.ask(identifier(visitor.pubsub_token)) == disconnected("unavailable", reconnect=True)


@in_loop
async def test_a_fault_of_ours_is_not_hidden(db, monkeypatch):
    def fail(text):
        raise ZeroDivisionError

    monkeypatch.setattr(cable, "read", fail)
    socket = connecting()
    await socket.connect()
    await socket.send_to(text_data="{}")
    with pytest.raises(ZeroDivisionError):
        await socket.wait()


@in_loop
async def test_what_a_group_says_that_was_left_meanwhile_is_not_heard(visitor):
    layer = get_channel_layer()
    async with connected() as socket:
        await socket.listen(visitor)
        (channel,) = layer.groups[cable_streams.group(visitor.pubsub_token)]
        for kind in ("cable.end", "cable.event"):
            await layer.send(
                channel, {"type": kind, "group": cable_streams.group("another"), "reason": "session_erased"}
            )

            assert await socket.lives()
        assert await socket.lives()


def test_without_the_extra_the_start_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "channels.layers", None)
    with pytest.raises(ImportError, match=r"pip install 'inquirly\[realtime\]'"):
        importlib.reload(routing)


def test_without_the_extra_nobody_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "channels.layers", None)
    monkeypatch.delitem(sys.modules, "contacts.realtime")
    apps.get_app_config("inquirly_contacts").ready()

    assert "contacts.realtime" not in sys.modules


def test_without_a_channel_layer_the_start_stops_with_a_sentence(settings):
    settings.CHANNEL_LAYERS = {}
    with pytest.raises(ImproperlyConfigured, match="CHANNEL_LAYERS"):
        importlib.reload(routing)
