"""Sessions under way: found, locked, touched and moved, while other requests do the same.

Only contacts are locked, all that a transaction needs in one statement and in the order of their ids; a session
is changed by who holds its contact. So no two requests can wait for each other.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError
from django.db.models import Exists, OuterRef, ProtectedError, QuerySet, RestrictedError
from django.utils import timezone

from inboxes.models import Inbox
from inboxes.tokens import new_pubsub_token, new_source_id

from . import signals, statements
from .compiled import CompiledQuery
from .models import Contact, ContactInbox

ATTEMPTS = 10

Result = TypeVar("Result")


def _with_contact(inbox_id: int, source_id: str) -> QuerySet[ContactInbox]:
    return ContactInbox.objects.filter(inbox_id=inbox_id, source_id=source_id).select_related("contact")


def not_blocked(inbox_id: int, source_id: str, **more: Any) -> QuerySet[ContactInbox]:
    """Return the session of a contact that is not blocked, without what every change writes."""
    session = _with_contact(inbox_id, source_id).filter(contact__blocked=False, **more)
    return session.defer("last_seen_at", "contact__last_activity_at", "contact__updated_at")


def _shown(**session: Any) -> QuerySet[ContactInbox]:
    contact = [f"contact__{name}" for name in ("identifier", "name", "email", "phone_number")]
    return _with_contact(**session).only("source_id", "pubsub_token", "hmac_verified", *contact)


SHOWN = CompiledQuery(_shown, inbox_id=int, source_id=str)
LOCKED = CompiledQuery(
    lambda **session: _with_contact(**session).select_for_update(of=("contact",)), inbox_id=int, source_id=str
)


class Overtaken(Exception):
    """Another request changed the rows between looking and locking."""


def repeated(rule: Callable[..., Result]) -> Callable[..., Result]:
    """Carry out ``rule`` again when another request was faster; what it found first no longer holds."""

    @functools.wraps(rule)
    def repeat(inbox: Inbox, *args: Any, **kwargs: Any) -> Result:
        reason: Exception | None = None
        for _attempt in range(ATTEMPTS):
            try:
                return rule(inbox, *args, **kwargs)
            except (ProtectedError, RestrictedError):
                raise  # a row of the host's stands in the way, and will the next time
            except (Overtaken, IntegrityError) as error:
                reason = error
            Inbox.objects.get(pk=inbox.pk)  # raises when the inbox itself is gone
        raise OperationalError("Too many requests change this contact at once.") from reason

    return repeat


def find(inbox: Inbox, source_id: str) -> ContactInbox:
    """Return the session with what is shown of its contact; raises ``ContactInbox.DoesNotExist``."""
    contact_inbox = SHOWN.first(inbox_id=inbox.pk, source_id=source_id)
    if contact_inbox is None:
        raise ContactInbox.DoesNotExist
    return contact_inbox


def lock(inbox: Inbox, source_id: str) -> ContactInbox:
    """Return the session with its contact, and that locked; raises ``ContactInbox.DoesNotExist``."""
    contact_inbox = LOCKED.first(inbox_id=inbox.pk, source_id=source_id)
    if contact_inbox is not None:
        return contact_inbox
    session = ContactInbox.objects.filter(inbox=inbox, source_id=source_id)
    if session.exists():  # its contact was merged away while we waited for the lock
        raise Overtaken
    raise ContactInbox.DoesNotExist


def save(contact_inbox: ContactInbox) -> None:
    """Save the contact, which is locked, and that the session was seen now, if that still is where it was found."""
    seen = statements.update(ContactInbox, {"last_seen_at": timezone.now()}, **_place(contact_inbox))
    if not statements.run_both(statements.save(contact_inbox.contact), seen):
        raise Overtaken
    signals.announce(contact_inbox.contact)


def reread(contact_inbox: ContactInbox) -> tuple[ContactInbox, bool]:
    """Return the session as it is now that its contact is locked, and whether the contact has others."""
    others = ContactInbox.objects.filter(contact=OuterRef("contact")).exclude(pk=OuterRef("pk"))
    found = ContactInbox.objects.filter(**_place(contact_inbox)).annotate(has_others=Exists(others)).first()
    if found is None:
        raise Overtaken
    return found, found.has_others


def move(contact_inbox: ContactInbox, contact: Contact, *, signed: bool) -> None:
    """Let the session be one of ``contact``, if it still is where it was found; by a sign-in it gets new tokens."""
    place = _place(contact_inbox)
    values: dict[str, Any] = {"contact": contact, "last_seen_at": timezone.now()}
    if signed:  # whoever knew the session before the sign-in must not know it after
        signals.end_session(contact_inbox.pubsub_token, signals.ROTATED, ContactInbox)
        values |= {"source_id": new_source_id(), "pubsub_token": new_pubsub_token(), "hmac_verified": True}
    if not ContactInbox.objects.filter(**place).update(**values):
        raise Overtaken
    for name, value in values.items():
        setattr(contact_inbox, name, value)


def _place(contact_inbox: ContactInbox) -> dict[str, Any]:
    return {"id": contact_inbox.pk, "contact_id": contact_inbox.contact_id, "source_id": contact_inbox.source_id}
