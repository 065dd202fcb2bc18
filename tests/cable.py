"""Sockets as clients of ``/cable`` have them, without a server between."""

import functools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator

from contacts.models import ContactInbox
from inquirly_site.sockets import with_sockets

WELCOME = {"type": "welcome"}


async def no_pages(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("A socket came to the pages.")


application = with_sockets(no_pages)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop; the database is used by the thread that asks for the test, as ever."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        async_to_sync(test)(**fixtures)

    return run


def identifier(pubsub_token: Any, channel: Any = "RoomChannel", **others: Any) -> str:
    return json.dumps({"channel": channel, "pubsub_token": pubsub_token, **others})


def confirmed(identifier: str) -> dict[str, str]:
    return {"identifier": identifier, "type": "confirm_subscription"}


def rejected(identifier: str) -> dict[str, str]:
    return {"identifier": identifier, "type": "reject_subscription"}


def disconnected(reason: str, *, reconnect: bool = False) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "reconnect": reconnect}


class Clock:
    """In the place of a module's ``time``: it stands still until it is moved."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Socket(WebsocketCommunicator):
    async def command(self, name: Any, identifier: Any, **others: Any) -> None:
        await self.send_json_to({"command": name, "identifier": identifier, **others})

    async def frame(self) -> Any:
        return await self.receive_json_from(timeout=5)

    async def ask(self, identifier: str) -> Any:
        """Subscribe and return the answer."""
        await self.command("subscribe", identifier)
        return await self.frame()

    async def listen(self, session: ContactInbox) -> str:
        """Open the stream of ``session`` and return the identifier of the subscription."""
        mine = identifier(session.pubsub_token)
        assert await self.ask(mine) == confirmed(mine)
        return mine

    async def closes(self) -> bool:
        return await self.receive_output(timeout=5) == {"type": "websocket.close"}

    async def lives(self) -> bool:
        """Return whether it answers still, and has nothing else to say."""
        return await self.ask("?") == rejected("?")


@asynccontextmanager
async def connected(
    *, origin: str | None = None, address: str = "192.0.2.1", offered: tuple[str, ...] = (), **headers: str
) -> AsyncIterator[Socket]:
    """Connect; yields a socket that has been welcomed, and is closed in the end."""
    socket = connecting(origin=origin, address=address, offered=offered, **headers)
    assert (await socket.connect(timeout=5))[0]
    assert await socket.frame() == WELCOME
    yield socket
    await socket.disconnect()


def connecting(
    *,
    origin: str | None = None,
    address: str = "192.0.2.1",
    offered: tuple[str, ...] = (),
    application: Any = application,
    **headers: str,
) -> Socket:
    named = {**headers, "origin": origin} if origin else headers
    sent = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in named.items()]
    socket = Socket(application, "/cable", sent, list(offered))
    socket.scope["client"] = [address, 50_000]
    return socket
