"""A connection to ``/cable``, and the sessions whose streams it has opened."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from inboxes.conf import conf
from inboxes.views import shared

from . import addresses, cable, handshake, pings, streams
from .broadcast import broadcaster
from .models import Contact, ContactInbox
from .outage import Outage
from .serializers import StreamedContactSerializer

MAX_SUBSCRIPTIONS = 16

outage = Outage("Sockets cannot open streams", "Sockets can open streams again")


class Subscription(NamedTuple):
    group: str
    source_id: str


class CableConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Speaks the Action Cable protocol. What ends one of its sessions ends the connection."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.subscriptions: dict[str, Subscription] = {}  # by the identifier that the client has given
        self.joined: set[str] = set()
        self.arrived: deque[float] = deque()
        self.pinging: asyncio.Future[None] | None = None
        with addresses.counted(handshake.client_address(scope)) as self.sockets:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self.clean_up()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Not as channels does, which looks after database connections at every frame: only look-ups need them.
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        broadcaster.serve()
        await self.accept(handshake.subprotocol(self.scope))
        if self.sockets > conf.INQUIRLY_CABLE_SOCKETS_PER_ADDRESS:
            await self.end("too_many_sockets", reconnect=True)
        await self.send(cable.WELCOME)
        pings.join(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.keep_limits(text_data.encode(errors="replace") if text_data else bytes_data or b"")
        command = cable.read(text_data) if text_data else None
        if command and command.name == "subscribe":
            await self.subscribe(command.identifier)
        elif command and command.name == "unsubscribe":
            await self.unsubscribe(command.identifier)

    async def keep_limits(self, frame: bytes) -> None:
        """End the connection when ``frame`` is too large, or one too many of this second."""
        now = time.monotonic()
        while self.arrived and self.arrived[0] <= now - 1:
            self.arrived.popleft()
        self.arrived.append(now)
        if len(frame) > conf.INQUIRLY_CABLE_MAX_FRAME:
            await self.end("frame_too_large")
        if len(self.arrived) > conf.INQUIRLY_CABLE_FRAMES_PER_SECOND:
            await self.end("too_many_frames")

    async def subscribe(self, identifier: str) -> None:
        if identifier in self.subscriptions:
            return
        token = cable.pubsub_token(identifier)
        if token is None or len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            return await self.send(cable.reject(identifier))
        group = streams.group(token)
        source_id = await self.open_stream(group, token)
        if source_id is None:
            await self.leave(group)
            return await self.send(cable.reject(identifier))
        self.subscriptions[identifier] = Subscription(group, source_id)
        return await self.send(cable.confirm(identifier))

    async def open_stream(self, group: str, token: str) -> str | None:
        """Return the source_id of the token's session, or None: it opens nothing here."""
        try:
            # In this order: what ends the session from now on is heard, what ended it before is seen.
            await self.join(group)
            return await database_sync_to_async(streams.open_to)(token, handshake.origin(self.scope))
        except Exception as error:  # noqa: BLE001 (layers and databases have errors of their own)
            outage.begin(error)
            await self.end("unavailable", reconnect=True)

    async def unsubscribe(self, identifier: str) -> None:
        if subscription := self.subscriptions.pop(identifier, None):
            await self.leave(subscription.group)

    async def join(self, group: str) -> None:
        self.joined.add(group)
        await self.channel_layer.group_add(group, self.channel_name)

    async def leave(self, group: str) -> None:
        """Hear no more of the group, unless another subscription does."""
        if group in self.joined and all(group != one.group for one in self.subscriptions.values()):
            self.joined.discard(group)
            with suppress(Exception):  # the layer is away, and so is what is left there
                await self.channel_layer.group_discard(group, self.channel_name)

    async def cable_event(self, message: streams.Message) -> None:
        for identifier, subscription in self.subscriptions.items():
            if subscription.group == message["group"]:
                session = ContactInbox(contact=Contact(**message["contact"]), source_id=subscription.source_id)
                data = shared(StreamedContactSerializer).to_representation(session)
                await self.send(cable.event(identifier, message["event"], data))

    async def cable_end(self, message: streams.Message) -> None:
        if any(subscription.group == message["group"] for subscription in self.subscriptions.values()):
            await self.end(message["reason"])

    def ping(self, frame: str) -> None:
        if self.pinging is None or self.pinging.done():  # a client that does not read gets no second one
            self.pinging = asyncio.ensure_future(self.send_ping(frame))

    async def send_ping(self, frame: str) -> None:
        with suppress(Exception):  # the connection is gone, which its own task will notice
            await self.send(frame)

    async def end(self, reason: str, *, reconnect: bool = False) -> NoReturn:
        pings.leave(self)
        await self.send(cable.disconnect(reason, reconnect=reconnect), close=True)
        raise StopConsumer

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        raise StopConsumer

    async def clean_up(self) -> None:
        pings.leave(self)
        if self.pinging:
            self.pinging.cancel()
        self.subscriptions.clear()
        for group in [*self.joined]:
            await self.leave(group)
