"""The live stream of a session: which group of the channel layer it is, whom it is open to, and what it carries."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from .models import ContactInbox

UPDATED = "contact.updated"
MERGED = "contact.merged"
BLOCKED = "contact_blocked"
# What a stream tells of a contact; each session adds its own source_id.
SHOWN = ("id", "name", "email", "phone_number")

Message = dict[str, Any]


class News(NamedTuple):
    """What sockets are to be told: an event of a contact, or why the streams of a contact or of tokens end."""

    event: str = ""
    contact: int = 0
    pubsub_tokens: tuple[str, ...] = ()
    ended: str = ""


def group(pubsub_token: str) -> str:
    """Return the name of the session's group; whoever reads it there cannot tell the token."""
    return f"inquirly.{salted_hmac('inquirly.stream', pubsub_token, algorithm='sha256').hexdigest()}"


def open_to(pubsub_token: str, origin: str | None) -> str | None:
    """Return the source_id of the session whose stream this token opens to a page of ``origin``, or None.

    Without an origin it is no page that asks.
    """
    sessions = _open().filter(pubsub_token=pubsub_token)
    for source_id, allowed_origins in sessions.values_list("source_id", "inbox__allowed_origins"):
        if origin is None or not allowed_origins or origin in allowed_origins:
            return source_id
    return None


def messages(news: Sequence[News]) -> list[list[tuple[str, Message]]]:
    """Return for each of ``news`` the groups that hear of it and what they are told, as things are stored now."""
    events = _events({one.contact for one in news if one.event})
    tokens = _tokens({one.contact for one in news if one.ended and one.contact})
    return [
        [_event(one.event, *named) for named in events[one.contact]]
        if one.event
        else [_end(one.ended, token) for token in (*one.pubsub_tokens, *tokens[one.contact])]
        for one in news
    ]


def _open() -> QuerySet[ContactInbox]:
    """The sessions that hear of their contact: those that can read it without signing, and are not blocked."""
    can_read = Q(hmac_verified=True) | Q(inbox__hmac_mandatory=False)
    return ContactInbox.objects.filter(can_read, contact__blocked=False)


def _events(contacts: set[int]) -> dict[int, list[tuple[str, Message]]]:
    """Return by contact the token of each of its sessions, and what that may know of it."""
    found = defaultdict(list)
    sessions = _open().filter(contact__in=contacts) if contacts else ContactInbox.objects.none()
    columns = ("pubsub_token", "contact_id", "contact__name", "contact__email", "contact__phone_number")
    for token, *contact in sessions.values_list(*columns):
        found[contact[0]].append((token, dict(zip(SHOWN, contact, strict=True))))
    return found


def _tokens(contacts: set[int]) -> dict[int, list[str]]:
    found = defaultdict(list)
    sessions = ContactInbox.objects.filter(contact__in=contacts) if contacts else ContactInbox.objects.none()
    for contact, token in sessions.values_list("contact_id", "pubsub_token"):
        found[contact].append(token)
    return found


def _event(event: str, pubsub_token: str, contact: Message) -> tuple[str, Message]:
    name = group(pubsub_token)
    return name, {"type": "cable.event", "group": name, "event": event, "contact": contact}


def _end(reason: str, pubsub_token: str) -> tuple[str, Message]:
    name = group(pubsub_token)
    return name, {"type": "cable.end", "group": name, "reason": reason}
