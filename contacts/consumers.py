"""A connection to ``/cable``, and the sessions whose streams it has opened."""

import asyncio
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, cast

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.utils import await_many_dispatch

from inboxes.conf import conf
from inboxes.views import shared

from . import cable, cable_handshake, cable_limits, cable_pings, cable_streams
from .cable_broadcast import broadcaster
from .cable_outage import Outage
from .models import Contact, ContactInbox
from .serializers import StreamedContactSerializer

MAX_SUBSCRIPTIONS = 16
MAX_WAITING = 100  # messages for one connection: as many as the layer in memory keeps

outage = Outage("Streams cannot be opened", "Streams can be opened again")


class Subscription(NamedTuple):
    group: str
    source_id: str


class CableConsumer(AsyncWebsocketConsumer):
    """Speaks the Action Cable protocol. What ends one of its sessions ends the connection."""

    behind = False  # whether much waited for the client at the last ping

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection until it ends.

        The one of channels counts no sockets, fails where the layer is away, leaves its channel to the layer, and lets
        a consumer close only while it still waits for the next frame.
        """
        self.scope, self.base_send = scope, send
        self.subscriptions: dict[str, Subscription] = {}  # by the identifier that the client has given
        self.joined: set[str] = set()
        self.frames = cable_limits.Frames()
        self.pinging: asyncio.Future[None] | None = None
        self.ended = False
        with cable_limits.counted(cable_handshake.client_address(scope)) as self.sockets:
            try:
                await self.open_channel()
            except Exception as error:  # noqa: BLE001 (the layer is away: there is not even a channel)
                outage.begin(error)
                await send({"type": "websocket.close"})
            else:
                with suppress(StopConsumer):
                    await self.serve(receive)
            finally:
                await self.clean_up()
        if self.ended:  # only now: servers may not close while somebody waits for the next frame
            await send({"type": "websocket.close"})

    async def serve(self, receive: Any) -> None:
        try:
            async with asyncio.timeout(None) as self.patience:
                await await_many_dispatch([receive, self.channel_receive], self.dispatch)
        except TimeoutError:
            if not self.patience.expired():
                raise
            await self.clean_up()
            await self.end("too_slow", reconnect=True)  # which waits for the client, and counts the socket so long

    async def open_channel(self) -> None:
        """Let the layer make a channel for us; where it keeps those of this process, the name says whose it is."""
        layer = self.channel_layer = cast(Any, get_channel_layer())
        self.channel_name = mark = f"cable.{id(self)}."
        try:
            self.channel_name = await (layer.new_channel(mark) if hasattr(layer, "channels") else layer.new_channel())
        except BaseException:  # it may keep one all the same, and has not told its name
            self.channel_name = next((name for name in getattr(layer, "channels", ()) if mark in name), mark)
            raise

    async def channel_receive(self) -> Any:
        return await self.channel_layer.receive(self.channel_name)

    async def forget_channel(self) -> None:
        """Let the layer forget our channel. It does when who waits for a message is cancelled and no more are there."""
        while self.channel_name in getattr(self.channel_layer, "channels", ()):
            waiting = asyncio.ensure_future(self.channel_receive())
            await asyncio.sleep(0)  # until it has a message, or waits for one
            waited = waiting.cancel()
            await asyncio.wait([waiting])
            if waited:
                return

    async def dispatch(self, message: Any) -> None:
        # Not as channels does, which looks after database connections at every frame: look-ups do so themselves.
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        broadcaster.serve()
        await self.accept(cable_handshake.subprotocol(self.scope))
        if self.sockets > conf.INQUIRLY_CABLE_SOCKETS_PER_ADDRESS:
            await self.end("too_many_sockets", reconnect=True)
        await self.send(cable.WELCOME)
        cable_pings.join(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if reason := self.frames.too_much(text_data or bytes_data or b""):
            await self.end(reason, reconnect=reason == cable_limits.TOO_MANY)
        command = cable.read(text_data) if text_data else None
        if command and command.name == "subscribe":
            await self.subscribe(command.identifier)
        elif command and command.name == "unsubscribe":
            await self.unsubscribe(command.identifier)

    async def subscribe(self, identifier: str) -> None:
        if identifier in self.subscriptions:
            return
        if subscription := await self.open_stream(identifier):
            self.subscriptions[identifier] = subscription
        await self.send(cable.confirm(identifier) if subscription else cable.reject(identifier))

    async def open_stream(self, identifier: str) -> Subscription | None:
        """Return the stream that ``identifier`` opens, joined, or None: it opens nothing here."""
        token = cable.pubsub_token(identifier)
        if token is None or len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            return None
        group = cable_streams.group(token)
        try:
            # In this order: what ends the session from now on is heard, what ended it before is seen.
            with self.frames.waiting():
                await self.join(group)
                open_to = database_sync_to_async(cable_streams.open_to)
                source_id = await open_to(token, cable_handshake.origin(self.scope))
        except Exception as error:  # noqa: BLE001 (layers and databases have errors of their own)
            outage.begin(error)
            await self.end("unavailable", reconnect=True)
        outage.end()
        if source_id is None:
            await self.leave(group)
            return None
        return Subscription(group, source_id)

    async def unsubscribe(self, identifier: str) -> None:
        if subscription := self.subscriptions.pop(identifier, None):
            await self.leave(subscription.group)

    async def join(self, group: str) -> None:
        self.joined.add(group)
        await self.channel_layer.group_add(group, self.channel_name)

    async def leave(self, group: str) -> None:
        """Hear no more of the group, unless another subscription does."""
        if all(group != subscription.group for subscription in self.subscriptions.values()):
            self.joined.discard(group)
            with suppress(Exception):  # the layer is away
                await self.channel_layer.group_discard(group, self.channel_name)

    async def cable_event(self, message: cable_streams.Message) -> None:
        for identifier, (group, source_id) in self.subscriptions.items():
            if group == message["group"]:
                session = ContactInbox(contact=Contact(**message["contact"]), source_id=source_id)
                data = shared(StreamedContactSerializer).to_representation(session)
                await self.send(cable.event(identifier, message["event"], data))

    async def cable_end(self, message: cable_streams.Message) -> None:
        if any(group == message["group"] for group, _source_id in self.subscriptions.values()):
            await self.end(message["reason"])

    def ping(self, frame: str) -> None:
        was_behind, self.behind = self.behind, self.waiting() >= MAX_WAITING
        if was_behind and self.behind:  # for a whole round, and not in a burst
            self.give_up()
        elif self.pinging is None or self.pinging.done():  # a client that does not read gets no second one
            self.pinging = asyncio.ensure_future(self.send_ping(frame))

    def waiting(self) -> int:
        """Return how many messages the layer keeps in the memory of this process until the client takes them."""
        queue = getattr(self.channel_layer, "channels", {}).get(self.channel_name)
        return queue.qsize() if queue else 0

    def give_up(self) -> None:
        """Hear no more for a client that does not read, or too slowly."""
        cable_pings.leave(self)
        self.patience.reschedule(0)

    async def send_ping(self, frame: str) -> None:
        with suppress(Exception):  # the connection is gone, as its own task will notice
            await self.send(frame)

    async def end(self, reason: str, *, reconnect: bool = False) -> NoReturn:
        await self.send(cable.disconnect(reason, reconnect=reconnect))
        self.ended = True
        raise StopConsumer

    async def websocket_disconnect(self, message: Any) -> NoReturn:
        raise StopConsumer

    async def clean_up(self) -> None:
        cable_pings.leave(self)
        if self.pinging:
            self.pinging.cancel()
        self.subscriptions.clear()
        for group in [*self.joined]:
            await self.leave(group)
        await self.forget_channel()
