"""What signals make of the live streams: the moments that sockets hear of. Connected only where channels is there."""

from typing import Any

from . import cable_streams, signals
from .cable_broadcast import broadcaster
from .cable_streams import News
from .models import Contact


def connect() -> None:
    signals.contact_updated.connect(_contact_updated)
    signals.contacts_merged.connect(_contacts_merged)
    signals.session_ended.connect(_session_ended)


def _contact_updated(contact: Contact, changed: frozenset[str], **kwargs: Any) -> None:
    if "blocked" in changed and contact.blocked:
        broadcaster.tell(News(contact=contact.pk, ended=cable_streams.BLOCKED))
    elif not changed.isdisjoint(cable_streams.SHOWN):
        broadcaster.tell(News(contact=contact.pk, event=cable_streams.UPDATED))


def _contacts_merged(base: Contact, **kwargs: Any) -> None:
    if base.blocked:  # sessions have moved to it
        broadcaster.tell(News(contact=base.pk, ended=cable_streams.BLOCKED))
    else:
        broadcaster.tell(News(contact=base.pk, event=cable_streams.MERGED))


def _session_ended(pubsub_tokens: tuple[str, ...], reason: str, **kwargs: Any) -> None:
    broadcaster.tell(News(pubsub_tokens=pubsub_tokens, ended=reason))
