"""The live stream of a session: which group of the channel layer it is, whom it is open to, and what it carries."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from .models import ContactInbox

UPDATED = "contact.updated"
MERGED = "contact.merged"
BLOCKED = "contact_blocked"
# What a stream tells of a contact; each session adds its own source_id.
SHOWN = ("id", "name", "email", "phone_number")

# The sessions that hear of their contact: those that can read it without signing, and are not blocked.
OPEN = (Q(hmac_verified=True) | Q(inbox__hmac_mandatory=False)) & Q(contact__blocked=False)
SAMPLE = 2**62  # stands, with those after it, for the ids that a query is asked for
PATIENCE = 1  # seconds for which a session may be held by another transaction
PIECE = 200  # sessions that are told before it is the turn of another contact

Message = dict[str, Any]
Messages = list[tuple[str, Message]]  # by group


class Session(NamedTuple):
    id: int
    pubsub_token: str
    open: bool
    contact_id: int
    name: str
    email: str
    phone_number: str


class Event(NamedTuple):
    """What has happened to a contact: its open streams carry it."""

    name: str
    contact_id: int
    after_id: int = 0  # of the last session that has been told

    def messages(self, sessions: Sequence[Session]) -> Messages:
        return [self._message(session) for session in sessions if session.open]

    def _message(self, session: Session) -> tuple[str, Message]:
        name, contact = group(session.pubsub_token), dict(zip(SHOWN, session[-len(SHOWN) :], strict=True))
        return name, {"type": "cable.event", "group": name, "event": self.name, "contact": contact}


class End(NamedTuple):
    """The streams of a contact end, or those of tokens, whose sessions may be gone."""

    reason: str
    contact_id: int = 0
    pubsub_tokens: tuple[str, ...] = ()
    after_id: int = 0

    def messages(self, sessions: Sequence[Session]) -> Messages:
        groups = map(group, [*self.pubsub_tokens, *(session.pubsub_token for session in sessions)])
        return [(name, {"type": "cable.end", "group": name, "reason": self.reason}) for name in groups]


News = Event | End


def group(pubsub_token: str) -> str:
    """Return the name of the session's group; whoever reads it there cannot tell the token."""
    return f"inquirly.{salted_hmac('inquirly.stream', pubsub_token, algorithm='sha256').hexdigest()}"


def open_to(pubsub_token: str, origin: str | None) -> str | None:
    """Return the source_id of the session whose stream this token opens to a page of ``origin``, or None.

    Without an origin it is no page that asks.
    """
    source_id, streamed = _open_to(pubsub_token, origin)
    if source_id is not None and not streamed:
        _stream(pubsub_token)
        # What came before was told to nobody here: look again.
        source_id, _streamed = _open_to(pubsub_token, origin)
    return source_id


def _stream(pubsub_token: str) -> None:
    """Let the session hear from now on; raises ``OperationalError`` when another transaction holds it for long.

    All look-ups of a process wait for this one: on PostgreSQL no longer than ``PATIENCE``.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        ContactInbox.objects.filter(pubsub_token=pubsub_token).update(streamed=True)


def _open_to(pubsub_token: str, origin: str | None) -> tuple[str | None, bool]:
    sessions = ContactInbox.objects.filter(OPEN, pubsub_token=pubsub_token)
    for source_id, streamed, allowed_origins in sessions.values_list("source_id", "streamed", "inbox__allowed_origins"):
        if origin is None or not allowed_origins or origin in allowed_origins:
            return source_id, streamed
    return None, False


def messages(batch: Sequence[News]) -> list[tuple[Messages, News | None]]:
    """Return for each of ``batch`` what is told next, as things are stored now, and what is left of it then."""
    found = _sessions([news.contact_id for news in batch if news.contact_id and not news.after_id])
    alone = len(found) == PIECE  # perhaps these are not all: each looks for its own
    return [
        _next(news, _sessions([news.contact_id], news.after_id) if alone or news.after_id else found) for news in batch
    ]


def _next(news: News, found: list[Session]) -> tuple[Messages, News | None]:
    sessions = [session for session in found if session.contact_id == news.contact_id]
    return news.messages(sessions), news._replace(after_id=sessions[-1].id) if len(sessions) == PIECE else None


def _sessions(contact_ids: list[int], after_id: int = 0) -> list[Session]:
    """Return the first sessions of these contacts with ids above ``after_id``, at most a piece."""
    if not contact_ids:
        return []
    size = 1 << len(contact_ids).bit_length()  # 4 to 7 contacts, say, have one query; and none asks for one contact
    sql, parameters = _query(size)
    values = dict(enumerate([*contact_ids, *contact_ids[-1:] * (size - len(contact_ids)), after_id], SAMPLE))
    with connection.cursor() as cursor:
        cursor.execute(sql, [values.get(one, one) for one in parameters])
        return [Session(*row) for row in cursor.fetchall()]


@functools.cache
def _query(contacts: int) -> tuple[str, Sequence[Any]]:
    """Return the SQL for so many contacts, made once as in ``compiled``, and its parameters: samples and others."""
    samples, after_id = range(SAMPLE, SAMPLE + contacts), SAMPLE + contacts
    # By contact, of which there are several: else PostgreSQL may look through all sessions in the order of their ids.
    streamed = ContactInbox.objects.filter(contact__in=samples, streamed=True)
    found = streamed.filter(id__gt=after_id).order_by("contact_id", "id")
    # The piece is cut before contacts are joined: else PostgreSQL may look through all of these.
    piece = ContactInbox.objects.filter(pk__in=found.values("pk")[:PIECE]).annotate(open=OPEN)
    columns = ("pubsub_token", "open", "contact_id", "contact__name", "contact__email", "contact__phone_number")
    return piece.order_by("contact_id", "id").values_list("id", *columns).query.sql_with_params()
