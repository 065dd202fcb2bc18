"""The site's Redis cache does what Django's does, in fewer trips."""

import os
from contextlib import closing
from types import SimpleNamespace

import pytest
import redis
from django.core.cache import cache
from redis.exceptions import ReadOnlyError

from bench.faults import redis_server
from bench.faults.redis_server import Relay
from inquirly_site.cache import RedisCache

needs_redis_server = pytest.mark.skipif(redis_server.missing() is not None, reason=f"{redis_server.missing()}")
pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="without REDIS_URL the cache is in memory")


@pytest.fixture
def commands(monkeypatch):
    """The commands that Redis gets."""
    connection = cache._cache._connection
    sent = []
    send_command = connection.send_command

    def note(*arguments, **options):
        sent.append(arguments[0])
        return send_command(*arguments, **options)

    monkeypatch.setattr(connection, "send_command", note)
    return sent


def test_an_increment_is_one_command(commands):
    cache.set("number", 5)
    cache.incr("number")
    commands.clear()

    assert cache.incr("number", 3) == 9
    assert commands == ["EVALSHA"]


def test_what_is_not_there_is_not_incremented(commands):
    with pytest.raises(ValueError, match="not there"):
        cache.incr("nothing")
    assert cache.get("nothing") is None


def test_the_end_of_what_is_incremented_stays(commands):
    cache.set("number", 1, timeout=100)
    cache.incr("number")

    assert 0 < cache._cache.get_client().ttl(cache.make_key("number")) <= 100


def test_an_increment_loads_itself_into_a_new_server(commands):
    cache.set("number", 1)
    cache._cache.get_client().script_flush()

    assert (cache.incr("number"), cache.incr("number")) == (2, 3)
    assert commands == ["EVALSHA", "EVAL", "EVALSHA"]


def test_an_increment_does_without_a_connection_that_the_server_has_closed():
    cache.set("number", 1)
    cache.incr("number")
    client = cache._cache.get_client()
    client.client_kill_filter(_type="normal", skipme=True, laddr=None, _id=_connection_id())

    assert cache.incr("number") == 3


def test_an_increment_that_is_broken_off_leaves_no_answer_to_the_next(monkeypatch):
    cache.set("number", 100)
    cache.set("other", 1)
    with monkeypatch.context() as broken:
        broken.setattr(cache._cache._connection, "read_response", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cache.incr("number")

    assert cache.incr("other") == 2


@pytest.fixture
def failover():
    """A cache at an address that leads to another server once ``happen`` has made a replica of the first."""
    with redis_server.serving() as old, redis_server.serving() as new:
        relay = Relay(port(old))
        relay.open()

        def happen():
            relay.target = port(new)
            with closing(redis.Redis.from_url(old.own_url)) as client:
                client.replicaof("127.0.0.1", 1)  # of nobody, so that it keeps what it holds

        yield SimpleNamespace(cache=RedisCache(f"redis://127.0.0.1:{relay.port}/0", {}), happen=happen)
        relay.close()


def port(server):
    return int(server.own_url.rpartition(":")[2].removesuffix("/0"))


@needs_redis_server
@pytest.mark.parametrize(
    "first", [lambda cache: cache.incr("number"), lambda cache: cache.add("other", 0)], ids=["increment", "addition"]
)
def test_after_a_failover_one_command_fails_and_the_next_finds_the_new_server(failover, first):
    failover.cache.add("number", 1)
    failover.cache.incr("number")
    failover.cache.add("other", 1)  # on a second connection: the increment keeps the first
    failover.happen()

    with pytest.raises(ReadOnlyError):
        first(failover.cache)
    assert failover.cache.add("number", 5)
    assert failover.cache.incr("number") == 6


def _connection_id():
    connection = cache._cache._connection
    connection.send_command("CLIENT", "ID")
    return connection.read_response()
