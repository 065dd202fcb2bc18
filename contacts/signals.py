"""What has become of contacts and sessions, told once it is committed.

Receivers get ``sender`` (the model) and what is named below. An error in one is logged and hurts nobody else.
"""

from collections.abc import Collection
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import Signal

from inboxes.signals import identity_rejected

if TYPE_CHECKING:
    from .models import Contact, ContactInbox

__all__ = [
    "contact_created",
    "contact_erased",
    "contact_updated",
    "contact_verified",
    "contacts_merged",
    "identity_rejected",
    "session_ended",
]

contact_created = Signal()  # contact
contact_updated = Signal()  # contact, changed: a frozenset of names out of Contact.REMEMBERED
contact_verified = Signal()  # contact, which has an identifier now
contacts_merged = Signal()  # base, mergee: by staff, or because a visitor signed in or claimed an identifier
contact_erased = Signal()  # contact, as it was; a mergee is not erased
session_ended = Signal()  # pubsub_tokens: a tuple of those that open nothing any more, reason

ROTATED = "session_rotated"
ERASED = "session_erased"


def send_on_commit(signal: Signal, sender: type[models.Model], **named: Any) -> None:
    model = sender._meta.concrete_model  # who listens to it hears of proxies too
    if signal.has_listeners(model):
        transaction.on_commit(partial(signal.send_robust, model, **named))


def announce(contact: "Contact", *, created: bool = False, only: Collection[str] | None = None) -> None:
    """Tell that ``contact``, or ``only`` those fields of it, has been written as it is now."""
    sender, changed = type(contact), contact.changed(only)
    contact.remember(only)
    if created:
        send_on_commit(contact_created, sender, contact=contact)
    elif changed:
        send_on_commit(contact_updated, sender, contact=contact, changed=changed)
    if "identifier" in changed and contact.verified:
        send_on_commit(contact_verified, sender, contact=contact)


def end_session(pubsub_token: str, reason: str, sender: type[models.Model]) -> None:
    send_on_commit(session_ended, sender, pubsub_tokens=(pubsub_token,), reason=reason)


def connect() -> None:
    """Begin to listen to what is deleted; called when the app is ready."""
    from .models import Contact, ContactInbox

    for model in with_proxies(Contact):
        post_delete.connect(_contact_deleted, sender=model)
    for model in with_proxies(ContactInbox):
        post_delete.connect(_session_deleted, sender=model)


def with_proxies(model: type[models.Model]) -> list[type[models.Model]]:
    """Return ``model`` and its proxies in the project: each sends signals of its own."""
    return [one for one in apps.get_models() if one._meta.concrete_model is model]


def _contact_deleted(sender: type[models.Model], instance: "Contact", **kwargs: Any) -> None:
    contact = copy(instance)  # Django takes the number from what is deleted
    if contact.merged_into:
        send_on_commit(contacts_merged, sender, base=contact.merged_into, mergee=contact)
    else:
        send_on_commit(contact_erased, sender, contact=contact)


def _session_deleted(sender: type[models.Model], instance: "ContactInbox", **kwargs: Any) -> None:
    end_session(instance.pubsub_token, ERASED, sender)
