"""What has become of contacts and sessions, told once it is committed.

Receivers get ``sender`` (the model) and what is named below. An error in one is logged and hurts nobody else.
``contacts_merging`` alone comes before, inside the transaction, and an error in a receiver undoes the merge.
"""

from collections.abc import Collection
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import Signal

from inboxes.proxies import with_proxies
from inboxes.signals import identity_rejected

if TYPE_CHECKING:
    from .models import Contact, ContactInbox

__all__ = [
    "contact_created",
    "contact_erased",
    "contact_updated",
    "contact_verified",
    "contacts_merged",
    "contacts_merging",
    "identity_rejected",
    "session_ended",
]

contact_created = Signal()  # contact
contact_updated = Signal()  # contact, changed: a frozenset of names out of Contact.REMEMBERED
contact_verified = Signal()  # contact, which has an identifier now
contacts_merged = Signal()  # base, mergee: by staff, or because a visitor signed in or claimed an identifier
contacts_merging = Signal()  # base, mergee, about to be deleted with all rows that still refer to it
contact_erased = Signal()  # contact, as it was; a mergee is not erased
session_ended = Signal()  # pubsub_tokens: a tuple of those that open nothing any more, reason

ROTATED = "session_rotated"
ERASED = "session_erased"


def send_on_commit(signal: Signal, sender: type[models.Model], **named: Any) -> None:
    if signal.has_listeners(sender):
        transaction.on_commit(partial(signal.send_robust, sender, **named))


def announce(contact: "Contact", *, created: bool = False, only: Collection[str] | None = None) -> None:
    """Tell that ``contact``, or ``only`` those fields of it, has been written as it is now."""
    from .models import Contact  # which sends it, whatever a host has made of it

    changed = contact.changed(only)
    contact.remember(only)
    if created:
        send_on_commit(contact_created, Contact, contact=contact)
    elif changed:
        send_on_commit(contact_updated, Contact, contact=contact, changed=changed)
    if "identifier" in changed and contact.verified:
        send_on_commit(contact_verified, Contact, contact=contact)


def end_session(pubsub_token: str, reason: str, sender: type[models.Model]) -> None:
    send_on_commit(session_ended, sender, pubsub_tokens=(pubsub_token,), reason=reason)


def connect() -> None:
    """Begin to listen to what is deleted; called when the app is ready."""
    from .models import Contact, ContactInbox

    for model in with_proxies(Contact):
        post_delete.connect(_contact_deleted, sender=model)
    for model in with_proxies(ContactInbox):
        post_delete.connect(_session_deleted, sender=model)


def _contact_deleted(instance: "Contact", **kwargs: Any) -> None:
    from .models import Contact

    contact = copy(instance)  # Django takes the number from what is deleted
    if contact.merged_into:
        send_on_commit(contacts_merged, Contact, base=contact.merged_into, mergee=contact)
    else:
        send_on_commit(contact_erased, Contact, contact=contact)


def _session_deleted(instance: "ContactInbox", **kwargs: Any) -> None:
    from .models import ContactInbox

    end_session(instance.pubsub_token, ERASED, ContactInbox)
