"""The frames of the Action Cable protocol, as text."""

import json
import re
import time
from typing import Any, NamedTuple

from inboxes.tokens import TOKEN_PATTERN

SUBPROTOCOL = "actioncable-v1-json"
CHANNEL = "RoomChannel"
TOKEN = re.compile(TOKEN_PATTERN)
WELCOME = '{"type":"welcome"}'


class Command(NamedTuple):
    """What a client asks for. The ``identifier`` is its own name of a subscription, given back as it came."""

    name: str
    identifier: str


def read(text: str) -> Command | None:
    """Return the command of a frame, or None: it makes no sense."""
    frame = _object(text)
    name, identifier = frame.get("command"), frame.get("identifier")
    return Command(name, identifier) if isinstance(name, str) and isinstance(identifier, str) else None


def pubsub_token(identifier: str) -> str | None:
    """Return the token in an identifier like ``{"channel":"RoomChannel","pubsub_token":"…"}``, else None."""
    params = _object(identifier)
    token = params.get("pubsub_token")
    known = params.get("channel") == CHANNEL and isinstance(token, str) and TOKEN.fullmatch(token)
    return known[0] if known else None


def ping() -> str:
    return _text({"type": "ping", "message": int(time.time())})


def confirm(identifier: str) -> str:
    return _text({"identifier": identifier, "type": "confirm_subscription"})


def reject(identifier: str) -> str:
    return _text({"identifier": identifier, "type": "reject_subscription"})


def event(identifier: str, name: str, data: dict[str, Any]) -> str:
    return _text({"identifier": identifier, "message": {"event": name, "data": data}})


def disconnect(reason: str, *, reconnect: bool) -> str:
    return _text({"type": "disconnect", "reason": reason, "reconnect": reconnect})


def _text(frame: dict[str, Any]) -> str:
    # All but ASCII is escaped: an identifier may hold what is no UTF-8, and comes back as it was.
    return json.dumps(frame, separators=(",", ":"))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
