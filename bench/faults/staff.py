"""What staff do to contacts, while others may be doing the same."""

from django.db import transaction

from contacts.merge import merge
from contacts.models import Contact


def merge_if_there(base: int, mergee: int) -> bool:
    """Merge as staff do; return False when one of the two was gone."""
    try:
        merge(Contact.objects.get(pk=base), Contact.objects.get(pk=mergee))
    except Contact.DoesNotExist:
        return False
    return True


def block(pk: int) -> None:
    Contact.objects.filter(pk=pk).update(blocked=True)


def unblock(pk: int) -> None:
    Contact.objects.filter(pk=pk).update(blocked=False)


def delete(pk: int) -> None:
    """Delete as the admin does: with the contact locked before its sessions go."""
    with transaction.atomic():
        for contact in Contact.objects.select_for_update().filter(pk=pk):
            contact.delete()
