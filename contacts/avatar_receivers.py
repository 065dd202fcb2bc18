"""What is to be done for the picture of a contact that was written or deleted."""

from typing import Any

from django.db.models.signals import pre_delete

from inboxes.proxies import with_proxies

from . import avatar_queue, avatars
from .models import Contact
from .signals import contact_created, contact_updated


def connect() -> None:
    """Begin to listen; called when the app is ready."""
    for model in with_proxies(Contact):
        pre_delete.connect(_deleted, sender=model)
    contact_updated.connect(_updated, sender=Contact)
    if avatars.installed():  # else there is nothing to do for the many that are created
        contact_created.connect(_created, sender=Contact)


def _deleted(instance: Contact, **kwargs: Any) -> None:
    # A mergee is locked, and as it is stored. Of others, a worker may have stored a picture since they were read.
    stale = avatars.installed() and not instance.merged_into
    if instance.avatar_url or instance.avatar_state or stale:
        avatars.erase(instance.pk)


def _updated(contact: Contact, changed: frozenset[str], **kwargs: Any) -> None:
    if "avatar_url" not in changed:
        return
    if contact.avatar_url:
        avatar_queue.enqueue(contact.pk)
    else:
        avatars.drop(contact.pk)


def _created(contact: Contact, **kwargs: Any) -> None:
    if contact.avatar_url:
        avatar_queue.enqueue(contact.pk)
