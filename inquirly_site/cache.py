"""Django's Redis cache with less work a call: one client for each thread, and one command to increment."""

from typing import Any

from django.core.cache.backends import redis
from django.utils.functional import cached_property

INCREMENT = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('INCRBY', KEYS[1], ARGV[1])"


class RedisCacheClient(redis.RedisCacheClient):
    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        return self._shared_client  # there is one server: `REDIS_URL` names no more

    @cached_property
    def _shared_client(self) -> Any:
        return super().get_client(write=True)

    @cached_property
    def _increment(self) -> Any:
        return self._shared_client.register_script(INCREMENT)

    def incr(self, key: Any, delta: int) -> int:
        value: int | None = self._increment(keys=[key], args=[delta])
        if value is None:
            raise ValueError("The key is not there.")
        return value


class RedisCache(redis.RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = RedisCacheClient
