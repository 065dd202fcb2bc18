"""The usual creates and changes, without a lock first: what the rules of ``identify`` require is a condition in SQL.

Where it does not hold (the contact is blocked, verified, or changing just now), nothing is written, and ``identify``
does it under a lock. So it does with fields that ``suits`` refuses.
"""

from functools import partial
from typing import Any

from django.utils import timezone

from inboxes.models import Inbox

from . import sessions, statements
from .compiled import CompiledQuery
from .models import Contact, ContactInbox
from .signals import announce

Fields = dict[str, Any]

WRITTEN = ("name", "email", "phone_number")

NOT_BLOCKED = CompiledQuery(
    lambda **key: Contact.objects.filter(**key, blocked=False).defer("last_activity_at", "updated_at"),
    account_id=int,
    identifier=str,
)
OPEN = CompiledQuery(sessions.not_blocked, inbox_id=int, source_id=str)
OPEN_UNVERIFIED = CompiledQuery(partial(sessions.not_blocked, contact__identifier=None), inbox_id=int, source_id=str)
OPEN_SIGNED = CompiledQuery(
    partial(sessions.not_blocked, hmac_verified=True), inbox_id=int, source_id=str, contact__identifier=str
)


def suits(fields: Fields, *, signed: bool) -> bool:
    """Return whether no more was sent than can be written as it is; an unsigned identifier is a claim."""
    return fields.keys() <= ({"identifier", *WRITTEN} if signed else {*WRITTEN})


def create_signed(contact_inbox: ContactInbox, fields: Fields) -> bool:
    """Insert the session, with its contact if that is new, and write what was sent over one that is there.

    Return False when the contact has to be looked at first: it is blocked, or changes at this moment.
    """
    contact = contact_inbox.contact
    names = (*_written(fields), "last_activity_at", "updated_at")
    known = NOT_BLOCKED.statement(account_id=contact.account_id, identifier=fields["identifier"])
    found = statements.overwrite_and_insert(known, names, contact_inbox)
    if found is None:
        return False
    if found:
        contact_inbox.contact = NOT_BLOCKED.instance(found)
        _set(contact_inbox.contact, {name: getattr(contact, name) for name in names})
    announce(contact_inbox.contact, created=not found)
    return True


def change(inbox: Inbox, source_id: str, fields: Fields, *, unverified: bool) -> ContactInbox | None:
    """Write what was sent over the contact of the session, if that is ``unverified`` in case it has to be.

    Return None when the contact has to be looked at first.
    """
    return _change(OPEN_UNVERIFIED if unverified else OPEN, fields, inbox_id=inbox.pk, source_id=source_id)


def change_signed(inbox: Inbox, source_id: str, fields: Fields) -> ContactInbox | None:
    """Do the same for who has signed as the contact, in a session that was signed in."""
    session = {"inbox_id": inbox.pk, "source_id": source_id, "contact__identifier": fields["identifier"]}
    return _change(OPEN_SIGNED, fields, **session)


def _change(query: CompiledQuery[ContactInbox], fields: Fields, **session: Any) -> ContactInbox | None:
    now = timezone.now()
    values = {**_written(fields), "last_activity_at": now, "updated_at": now}
    seen = {"last_seen_at": now}
    found = statements.overwrite_both(query, session, values, seen)
    if found is None:
        return None
    _set(found, seen)
    _set(found.contact, values)
    announce(found.contact)
    return found


def _written(fields: Fields) -> Fields:
    return {name: fields[name] for name in WRITTEN if name in fields}


def _set(instance: Contact | ContactInbox, values: Fields) -> None:
    for name, value in values.items():
        setattr(instance, name, value)
