"""What signals make of the live streams: the moments that sockets hear of. Connected only where channels is there."""

from typing import Any

from . import signals
from .cable_broadcast import broadcaster
from .cable_streams import BLOCKED, MERGED, SHOWN, UPDATED, End, Event
from .models import Contact


def connect() -> None:
    signals.contact_updated.connect(_contact_updated)
    signals.contacts_merged.connect(_contacts_merged)
    signals.session_ended.connect(_session_ended)


def _contact_updated(contact: Contact, changed: frozenset[str], **kwargs: Any) -> None:
    if "blocked" in changed and contact.blocked:
        broadcaster.tell(End(BLOCKED, contact.pk))
    elif not changed.isdisjoint(SHOWN):
        broadcaster.tell(Event(UPDATED, contact.pk))


def _contacts_merged(base: Contact, **kwargs: Any) -> None:
    if base.blocked:  # sessions have moved to it
        broadcaster.tell(End(BLOCKED, base.pk))
    else:
        broadcaster.tell(Event(MERGED, base.pk))


def _session_ended(pubsub_tokens: tuple[str, ...], reason: str, **kwargs: Any) -> None:
    broadcaster.tell(End(reason, pubsub_tokens=pubsub_tokens))
