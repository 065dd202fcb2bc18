"""What signals make of the live streams: the moments that sockets hear of. Connected only where channels is there."""

from typing import Any

from . import signals, streams
from .broadcast import broadcaster
from .models import Contact
from .streams import News


def connect() -> None:
    signals.contact_updated.connect(_contact_updated)
    signals.contacts_merged.connect(_contacts_merged)
    signals.session_ended.connect(_session_ended)


def _contact_updated(contact: Contact, changed: frozenset[str], **kwargs: Any) -> None:
    if "blocked" in changed and contact.blocked:
        broadcaster.tell(News(contact=contact.pk, ended=streams.BLOCKED))
    elif not changed.isdisjoint(streams.SHOWN):
        broadcaster.tell(News(contact=contact.pk, event=streams.UPDATED))


def _contacts_merged(base: Contact, **kwargs: Any) -> None:
    if base.blocked:  # sessions have moved to it
        broadcaster.tell(News(contact=base.pk, ended=streams.BLOCKED))
    else:
        broadcaster.tell(News(contact=base.pk, event=streams.MERGED))


def _session_ended(pubsub_tokens: tuple[str, ...], reason: str, **kwargs: Any) -> None:
    broadcaster.tell(News(pubsub_tokens=pubsub_tokens, ended=reason))
