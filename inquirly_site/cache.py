"""Django's Redis cache, of which the increment is what every public call waits for: it takes the shortest way."""

from typing import Any

from django.core.cache.backends import redis
from django.utils.functional import cached_property
from redis import exceptions

INCREMENT = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('INCRBY', KEYS[1], ARGV[1])"


class RedisCacheClient(redis.RedisCacheClient):
    """One of these belongs to each thread. There is one server: ``REDIS_URL`` names no more."""

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        try:
            return super().add(key, value, timeout)
        except exceptions.ReadOnlyError:
            self._disconnect()
            raise

    def incr(self, key: Any, delta: int) -> int:
        """Past the client, which takes longer over a command than all the rest: on a connection that stays ours."""
        try:
            value = self._increment(key, delta)
        except exceptions.ConnectionError:  # the server has ended it since, and may take another
            value = self._increment(key, delta)
        if value is None:
            raise ValueError("The key is not there.")
        return value

    def _increment(self, key: Any, delta: int) -> int | None:
        try:
            return self._ask("EVALSHA", self._script, 1, key, delta)
        except exceptions.NoScriptError:  # the server is another one than before
            return self._ask("EVAL", INCREMENT, 1, key, delta)

    def _ask(self, *command: Any) -> int | None:
        connection = self._connection
        try:
            connection.send_command(*command)
            answer: int | None = connection.read_response()
        except exceptions.ReadOnlyError:
            self._disconnect()
            raise
        except exceptions.ResponseError:  # it is the answer
            raise
        except BaseException:
            connection.disconnect()  # else the answer would be taken for that of the next command
            raise
        return answer

    def _disconnect(self) -> None:
        """End every connection, ours too: what they lead to has become a replica, and the address names another now."""
        self.get_client(write=True).connection_pool.disconnect()

    @cached_property
    def _connection(self) -> Any:
        return self.get_client(write=True).connection_pool.get_connection()

    @cached_property
    def _script(self) -> str:
        return self.get_client().register_script(INCREMENT).sha


class RedisCache(redis.RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = RedisCacheClient
