"""What a socket may cost: frames, subscriptions, sockets of one address; and the pings it gets."""

import asyncio
import json

import pytest
from channels.layers import get_channel_layer

from contacts import cable_limits, cable_pings, cable_streams
from contacts.consumers import MAX_WAITING, CableConsumer

from .cable import WELCOME, Clock, application, connected, connecting, disconnected, identifier, in_loop, rejected


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(cable_limits, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert not cable_limits._sockets
    assert not cable_pings._rounds


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param({"text": "é" * 4096}, id="text"),
        pytest.param({"text": None, "bytes": b"x" * 8192}, id="bytes"),
    ],
)
@in_loop
async def test_a_frame_of_8_kib_is_taken_and_one_byte_more_ends_the_connection(db, frame):
    kind = "text" if frame["text"] else "bytes"
    async with connected() as socket:
        await socket.send_input({"type": "websocket.receive", **frame})
        assert await socket.lives()
        frame[kind] += "x" if kind == "text" else b"x"
        await socket.send_input({"type": "websocket.receive", **frame})

        assert await socket.frame() == disconnected("frame_too_large")
        assert await socket.closes()


@in_loop
async def test_twenty_frames_a_second_are_taken_and_one_more_ends_the_connection(db, clock):
    async with connected() as socket:
        for _frame in range(19):
            await socket.send_to(text_data="{}")
        assert await socket.lives()
        clock.now += 1
        for _frame in range(20):
            assert await socket.lives()
        clock.now += 0.999
        await socket.send_to(text_data="{}")

        assert await socket.frame() == disconnected("too_many_frames", reconnect=True)
        assert await socket.closes()


@in_loop
async def test_what_a_client_sends_while_it_waits_for_us_is_not_too_much(db, clock, monkeypatch):
    """A client asks again until it is confirmed, and a server hands on together what came meanwhile."""

    def slow(*args):
        clock.now += 2

    monkeypatch.setattr(cable_streams, "open_to", slow)
    async with connected() as socket:
        assert await socket.ask(identifier("token")) == rejected(identifier("token"))
        for _frame in range(2 * 20 + 19):
            await socket.send_to(text_data="{}")
        assert await socket.lives()
        await socket.send_to(text_data="{}")

        assert await socket.frame() == disconnected("too_many_frames", reconnect=True)
        assert await socket.closes()


def test_long_waits_add_up_to_half_a_minute_at_most(clock):
    frames = cable_limits.Frames()
    for _time in range(100):
        with frames.waiting():
            clock.now += 1

    assert [frames.too_much("{}") for _frame in range(20 + 30 * 20)] == [None] * 620
    assert frames.too_much("{}") == "too_many_frames"


@in_loop
async def test_a_thousand_sockets_of_an_address_are_a_setting(db, settings):
    settings.INQUIRLY_CABLE_SOCKETS_PER_ADDRESS = 2
    async with connected(), connected(address="198.51.100.7"):
        async with connected():
            one_more = connecting()
            await one_more.connect()

            assert await one_more.frame() == disconnected("too_many_sockets", reconnect=True)
            assert await one_more.closes()
            await one_more.wait()
        async with connected() as socket:
            assert await socket.lives()


@pytest.mark.parametrize(
    ("proxies", "others"),
    [
        pytest.param(0, {"x_forwarded_for": "203.0.113.1"}, id="a-header-of-the-client"),
        pytest.param(1, {"x_forwarded_for": "203.0.113.1, 192.0.2.1"}, id="before-the-proxy"),
    ],
)
@in_loop
async def test_an_address_is_counted_as_for_calls(db, settings, proxies, others):
    settings.INQUIRLY_TRUSTED_PROXIES = proxies
    settings.INQUIRLY_CABLE_SOCKETS_PER_ADDRESS = 1
    async with connected():
        again = connecting(**others)
        await again.connect()

        assert await again.frame() == disconnected("too_many_sockets", reconnect=True)
        await again.wait()


@in_loop
async def test_visitors_behind_a_trusted_proxy_are_counted_apart(db, settings):
    settings.INQUIRLY_TRUSTED_PROXIES = settings.INQUIRLY_CABLE_SOCKETS_PER_ADDRESS = 1
    async with connected(x_forwarded_for="203.0.113.1"), connected(x_forwarded_for="203.0.113.2") as socket:
        assert await socket.lives()


@in_loop
async def test_a_connection_that_dies_while_it_is_made_is_not_counted(db):
    socket = connecting()
    await socket.send_input({"type": "websocket.connect"})
    await socket.send_input({"type": "websocket.disconnect", "code": 1006})
    await socket.wait()

    assert not cable_limits._sockets


@in_loop
async def test_a_connection_that_the_server_gives_up_is_not_counted(db):
    socket = connecting()
    await socket.connect()
    socket.future.cancel()
    await asyncio.wait([socket.future])

    assert not cable_limits._sockets


def test_the_ping_comes_every_three_seconds():
    assert cable_pings.SECONDS == 3


@in_loop
async def test_every_connection_is_pinged_again_and_again(db, monkeypatch):
    monkeypatch.setattr(cable_pings, "SECONDS", 0.03)
    async with connected() as one, connected() as two:
        for socket in (one, two, one, two):
            ping = await socket.frame()
            assert ping == {"type": "ping", "message": ping["message"]}
            assert isinstance(ping["message"], int)


@in_loop
async def test_for_a_client_that_does_not_read_little_is_kept_and_it_is_told_when_it_reads(visitor, monkeypatch):
    layer, group = get_channel_layer(), cable_streams.group(visitor.pubsub_token)
    shown = {"id": 1, "name": "Ada", "email": "", "phone_number": ""}
    event = {"type": "cable.event", "group": group, "event": "contact.updated", "contact": shown}
    reads = asyncio.Event()
    reads.set()

    async def through_a_network(scope, receive, send):
        async def send_on(message):
            await reads.wait()
            await send(message)

        await application(scope, receive, send_on)

    socket = connecting(application=through_a_network)
    assert (await socket.connect())[0]
    assert await socket.frame() == WELCOME
    mine = await socket.listen(visitor)
    monkeypatch.setattr(cable_pings, "SECONDS", 0.03)
    reads.clear()
    for _time in range(MAX_WAITING + 10):
        await layer.group_send(group, event)
    async with asyncio.timeout(5):
        while layer.channels:
            await asyncio.sleep(0.01)

    assert [*cable_limits._sockets.values()] == [1]  # its connection is there still
    reads.set()
    frames = []
    while (message := await socket.receive_output(5))["type"] != "websocket.close":
        frames.append(json.loads(message["text"]))
    assert frames[-1] == disconnected("too_slow", reconnect=True)
    assert not [frame for frame in frames if frame.get("identifier") == mine]
    await socket.wait()


@in_loop
async def test_a_client_that_does_not_read_gets_no_second_ping(db, monkeypatch):
    monkeypatch.setattr(cable_pings, "SECONDS", 0.03)
    sent, read = [], asyncio.Event()

    async def send(message):
        sent.append(message)
        await read.wait()

    consumer = CableConsumer()
    consumer.base_send, consumer.pinging, consumer.channel_layer, consumer.channel_name = send, None, None, ""
    for _time in range(3):
        consumer.ping("{}")
        await asyncio.sleep(0)
    read.set()
    await consumer.pinging
    consumer.ping("{}")
    await consumer.pinging

    assert len(sent) == 2


@in_loop
async def test_a_ping_into_a_connection_that_is_gone_is_nobody_s_trouble(caplog):
    async def send(message):
        raise ConnectionResetError

    consumer = CableConsumer()
    consumer.base_send, consumer.pinging, consumer.channel_layer, consumer.channel_name = send, None, None, ""
    consumer.ping("{}")
    await consumer.pinging

    assert not caplog.records
