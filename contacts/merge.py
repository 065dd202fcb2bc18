"""Two contacts become one: the base's values win, its blanks are filled from the mergee."""

import json

from django.core import serializers
from django.db import Error, transaction

from .attributes import filled
from .models import Contact, ContactInbox, ContactMerge
from .signals import contacts_merging

PICTURE = {*Contact.AVATAR_FILES, *Contact.AVATAR_STATE}  # goes with the contact


def merge(base: Contact, mergee: Contact) -> Contact:
    """Merge ``mergee`` into ``base`` and return the base as it is now.

    Sessions move and keep their source_id and token, the mergee disappears, a ``ContactMerge`` keeps both as they were.
    For staff only: a visitor never merges anybody.

    Raises ``ValueError`` for contacts of two accounts or one contact twice, ``Contact.DoesNotExist`` when one is gone,
    ``ProtectedError`` or ``RestrictedError`` when a row of the host's keeps the mergee.
    """
    if base.pk == mergee.pk or base.account_id != mergee.account_id:
        raise ValueError("A merge takes two contacts of one account.")
    with transaction.atomic():
        base, mergee = _locked(base, mergee)
        ContactMerge.objects.create(
            account_id=base.account_id,
            base_contact_id=base.pk,
            mergee_contact_id=mergee.pk,
            base_contact=_as_it_is(base),
            mergee_contact=_as_it_is(mergee),
        )
        fold(base, mergee)
        ContactInbox.objects.filter(contact=mergee).update(contact=base)
        delete_into(base, mergee)  # before the base is saved: it may have handed over its identifier
        base.save()
    return base


def fold(base: Contact, mergee: Contact) -> None:
    """Fill what ``base`` lacks with what ``mergee`` has; nothing is saved."""
    for field in Contact.PLAIN_FIELDS:
        if not getattr(base, field):
            setattr(base, field, getattr(mergee, field))
    base.custom_attributes = filled(base.custom_attributes, mergee.custom_attributes)
    base.last_activity_at = max(base.last_activity_at, mergee.last_activity_at)
    if not base.verified and mergee.verified:
        base.verify(str(mergee.identifier))
    elif not base.verified and not base.claimed_identifier:
        base.claimed_identifier, base.claim_shared = mergee.claimed_identifier, mergee.claim_shared


def delete_into(base: Contact, mergee: Contact) -> None:
    """Delete ``mergee``, whose values ``base``, which is stored, takes over.

    Raises ``RuntimeError`` when a receiver of a host's fails, as the error itself might look like a refusal.
    """
    try:
        contacts_merging.send(Contact, base=base, mergee=mergee)
    except Error:
        raise
    except Exception as error:
        raise RuntimeError("A receiver of contacts_merging failed.") from error
    mergee.merged_into = base
    mergee.delete()


def _locked(base: Contact, mergee: Contact) -> tuple[Contact, Contact]:
    # One statement, in the order of the ids, as everywhere: no two merges can wait for each other.
    pair = Contact.objects.select_for_update().filter(pk__in=[base.pk, mergee.pk]).order_by("pk")
    locked = {contact.pk: contact for contact in pair}
    if len(locked) < 2:
        raise Contact.DoesNotExist
    return locked[base.pk], locked[mergee.pk]


def _as_it_is(contact: Contact) -> dict[str, object]:
    fields: dict[str, object] = json.loads(serializers.serialize("json", [contact]))[0]["fields"]
    return {name: value for name, value in fields.items() if name not in PICTURE}
