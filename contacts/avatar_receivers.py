"""What is to be done for the picture of a contact that was written or deleted."""

from typing import Any

from django.db.models.signals import post_delete

from . import avatar_queue, avatars
from .models import Contact
from .signals import contact_created, contact_updated


def connect() -> None:
    """Begin to listen; called when the app is ready."""
    post_delete.connect(_deleted, sender=Contact)
    contact_updated.connect(_updated, sender=Contact)
    if avatars.installed():  # else there is nothing to do for the many that are created
        contact_created.connect(_created, sender=Contact)


def _deleted(instance: Contact, **kwargs: Any) -> None:
    avatars.delete_on_commit(instance.avatar.name or "", instance.avatar_next)


def _updated(contact: Contact, changed: frozenset[str], **kwargs: Any) -> None:
    if "avatar_url" in changed:
        avatars.delete_on_commit(contact.dropped_avatar)
        _ask(contact)


def _created(contact: Contact, **kwargs: Any) -> None:
    _ask(contact)


def _ask(contact: Contact) -> None:
    if contact.avatar_url:
        avatar_queue.enqueue(contact.pk)
