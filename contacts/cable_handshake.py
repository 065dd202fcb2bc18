"""What a connection says of itself before anything else: its origin, its address, the protocols it speaks."""

from collections.abc import Mapping
from typing import Any

from inboxes.throttling import counted_address

from .cable import SUBPROTOCOL

Scope = Mapping[str, Any]


def origin(scope: Scope) -> str | None:
    """Return the origin of the page that connects, or None: it is no browser.

    React Native names the address that it connects to as its origin, as pages of the site itself do.
    """
    named = _header(scope, b"origin")
    place = _place(named.partition("://")[2]) if named else ""
    return None if place and place == _place(_header(scope, b"host") or "") else named


def client_address(scope: Scope) -> str:
    """Return whom the connection is counted for, as for calls."""
    peer = scope.get("client") or [""]
    return counted_address(_header(scope, b"x-forwarded-for") or "", peer[0])


def subprotocol(scope: Scope) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None


def _place(host: str) -> str:
    return host.removesuffix(":443").removesuffix(":80")  # some apps write the usual port


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ", ".join(values) if values else None
