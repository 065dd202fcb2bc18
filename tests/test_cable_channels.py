"""After a connection has ended, for whatever reason, the channel layer keeps nothing of it."""

import asyncio
import os

import pytest
from channels.layers import get_channel_layer

from contacts import cable_outage, cable_streams, consumers
from inquirly_site import environment

from .cable import connected, connecting, disconnected, in_loop
from .test_cable import UNAVAILABLE

MEMORY = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(params=["memory", "redis"])
def layer(request, settings):
    """Return the name of a layer that is in use; in the end it must be empty."""
    if request.param == "redis" and "REDIS_URL" not in os.environ:
        pytest.skip("there is no Redis")
    settings.CHANNEL_LAYERS = {"default": MEMORY if request.param == "memory" else environment.channel_layer()}
    return request.param


def kept():
    layer = get_channel_layer()
    return [*layer.channels, *layer.groups]


async def end(session, times=1):
    name = cable_streams.group(session.pubsub_token)
    for _time in range(times):
        await get_channel_layer().group_send(name, {"type": "cable.end", "group": name, "reason": "session_erased"})


@in_loop
async def test_of_one_that_the_client_ends(layer, visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        assert kept()

    assert kept() == []


@in_loop
async def test_of_one_that_ends_with_its_session_while_more_is_to_be_heard(layer, visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        await end(visitor, times=5)
        await asyncio.sleep(0.3 if layer == "redis" else 0)  # until they have come

        assert await socket.frame() == disconnected("session_erased")
        assert await socket.closes()
        await socket.wait()
        assert kept() == []


@in_loop
async def test_of_one_that_sends_too_much(layer, visitor):
    async with connected() as socket:
        await socket.listen(visitor)
        await end(visitor)
        await socket.send_to(text_data="x" * 9_000)
        await socket.wait()

    assert kept() == []


@in_loop
async def test_of_one_that_the_server_gives_up(layer, visitor):
    socket = connecting()
    await socket.connect()
    await socket.frame()
    await socket.listen(visitor)
    socket.future.cancel()
    await asyncio.wait([socket.future])

    assert kept() == []


@in_loop
async def test_of_those_that_are_refused_while_redis_is_away(settings, monkeypatch, caplog):
    monkeypatch.setenv("REDIS_URL", NOWHERE)
    monkeypatch.setattr(
        consumers, "outage", cable_outage.Outage("Streams cannot be opened", "Streams can be opened again")
    )
    settings.CHANNEL_LAYERS = {"default": environment.channel_layer()}
    for _time in range(2):
        socket = connecting()
        accepted, _code = await socket.connect(timeout=5)
        assert not accepted
        await socket.wait()

    assert kept() == []
    assert [record.getMessage() for record in caplog.records] == [UNAVAILABLE]
