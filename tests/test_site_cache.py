"""The site's Redis cache does what Django's does, in fewer trips."""

import os

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="without REDIS_URL the cache is in memory")


@pytest.fixture
def commands(monkeypatch):
    """The commands that Redis gets."""
    client = cache._cache.get_client()
    sent = []
    execute = client.execute_command

    def note(*arguments, **options):
        sent.append(arguments[0])
        return execute(*arguments, **options)

    monkeypatch.setattr(client, "execute_command", note)
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
