"""Which contact a request speaks of, and what it may do there.

Fields come validated and normalised, and only those that were sent: some of ``identifier``, ``name``, ``email``,
``phone_number``, ``avatar_url`` and ``custom_attributes``. ``signed`` says that the caller has proven
``fields["identifier"]``. What is refused raises and changes nothing: ``IdentityRejected``, ``ContactBlocked``,
``ContactInbox.DoesNotExist``, and ``ValidationError`` when merged custom attributes are too large.
"""

from copy import copy
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from inboxes.identity import IdentityRejected, require_signed
from inboxes.models import Inbox

from . import at_once, sessions, statements
from .attributes import filled, merged, validate_custom_attributes
from .compiled import CompiledQuery
from .merge import delete_into, fold
from .models import Contact, ContactInbox, IdempotencyKey
from .signals import announce

Fields = dict[str, Any]

# Whoever holds a session may not change these on a verified contact without a signature.
PROTECTED_FIELDS = ("identifier", "email", "phone_number")

VERIFIED = CompiledQuery(
    lambda **key: Contact.objects.filter(**key).select_for_update(), account_id=int, identifier=str
)


class ContactBlocked(PermissionDenied):
    """Staff have blocked the contact."""


def retrieve(inbox: Inbox, source_id: str, *, identifier: str | None = None) -> ContactInbox:
    """Return the session and its contact. ``identifier`` is the one that the caller has proven, if any."""
    contact_inbox = sessions.find(inbox, source_id)
    if identifier is None:
        require_signed(inbox, signed=contact_inbox.hmac_verified)
    elif contact_inbox.contact.identifier != identifier:
        raise IdentityRejected
    return contact_inbox


@sessions.repeated
def create(inbox: Inbox, fields: Fields, *, signed: bool) -> ContactInbox:
    """Open a new session: of the one contact with the proven identifier, else of a new contact."""
    require_signed(inbox, signed=signed)
    key = _key(inbox, fields, signed=signed)
    contact = Contact(account_id=inbox.account_id, **key)
    _apply(contact, fields)
    contact_inbox = ContactInbox(inbox=inbox, contact=contact, hmac_verified=signed)
    overwrites = signed and at_once.suits(fields, signed=signed)
    opened = at_once.create_signed(contact_inbox, fields) if overwrites else _insert(contact_inbox)
    if opened:
        return contact_inbox
    with transaction.atomic():
        contact_inbox.contact = _find(inbox, key)
        _refuse_blocked(contact_inbox.contact)
        _apply(contact_inbox.contact, fields)
        statements.run_and_insert(statements.save(contact_inbox.contact), contact_inbox)
        announce(contact_inbox.contact)
    return contact_inbox


def _insert(contact_inbox: ContactInbox) -> bool:
    """Insert the session and its new contact; return False when one is there that may not be doubled."""
    unless_taken = statements.insert_unless_taken(contact_inbox.contact)
    inserted = statements.run_and_insert(unless_taken, contact_inbox)
    if inserted:
        announce(contact_inbox.contact, created=True)
    return inserted


@sessions.repeated
def update(inbox: Inbox, source_id: str, fields: Fields, *, signed: bool) -> ContactInbox:
    """Change the contact of a session; a signed request from a session that is not yet verified signs in."""
    require_signed(inbox, signed=signed)
    if (changed := _change_at_once(inbox, source_id, fields, signed=signed)) is not None:
        return changed
    key = _key(inbox, fields, signed=signed)
    with transaction.atomic():
        contact_inbox = sessions.lock(inbox, source_id)
        try:
            _authorize(contact_inbox.contact, fields, signed=signed)
            if not _joins(contact_inbox, key, signed=signed):
                return _update(contact_inbox, fields, key)
        except (ContactBlocked, IdentityRejected, ValidationError):
            sessions.reread(contact_inbox)  # one that has moved while we waited is not refused, but gone
            raise
    # The transaction ends here with its lock, so that the two contacts can be locked in order.
    with transaction.atomic():
        return _join(contact_inbox, fields, key, signed=signed)


def _change_at_once(inbox: Inbox, source_id: str, fields: Fields, *, signed: bool) -> ContactInbox | None:
    if not at_once.suits(fields, signed=signed):
        return None
    if signed:
        return at_once.change_signed(inbox, source_id, fields)
    protected = not fields.keys().isdisjoint(PROTECTED_FIELDS)
    return at_once.change(inbox, source_id, fields, unverified=protected)


def _key(inbox: Inbox, fields: Fields, *, signed: bool) -> Fields:
    """Return what the request's identifier makes of a contact: the verified one, a claimed one, or nothing."""
    if "identifier" not in fields:
        return {}
    if signed:
        return {"identifier": fields["identifier"]}
    return {"claimed_identifier": fields["identifier"], "claim_shared": inbox.match_claims}


def _find(inbox: Inbox, key: Fields) -> Contact:
    """Return the contact with this key, locked: a verified one, or one shared by claim.

    Raises ``Overtaken`` when there is none: what stood in the way of the insert is gone.
    """
    if "identifier" in key:
        contact = VERIFIED.first(account_id=inbox.account_id, identifier=key["identifier"])
    else:
        claimed = {"claimed_identifier": "", **key}  # there is no claim of nothing
        shared = Contact.objects.filter(account_id=inbox.account_id, claim_shared=True)
        contact = shared.filter(**claimed).select_for_update().first()
    if contact is None:
        raise sessions.Overtaken
    return contact


def _authorize(contact: Contact, fields: Fields, *, signed: bool) -> None:
    protected = ("identifier",) if signed else PROTECTED_FIELDS
    changes = any(name in fields and fields[name] != getattr(contact, name) for name in protected)
    if contact.verified and changes:
        raise IdentityRejected
    _refuse_blocked(contact)


def _refuse_blocked(contact: Contact) -> None:
    if contact.blocked:
        raise ContactBlocked


def _joins(contact_inbox: ContactInbox, key: Fields, *, signed: bool) -> bool:
    """Return whether the session comes to the contact with this key, rather than being there already."""
    contact = contact_inbox.contact
    if signed:  # staff may have taken the identifier from the contact of a verified session
        return not (contact_inbox.hmac_verified and contact.verified)
    return bool(key.get("claim_shared")) and not contact.verified and not _has(contact, key)


def _has(contact: Contact, key: Fields) -> bool:
    return all(getattr(contact, name) == value for name, value in key.items())


def _update(contact_inbox: ContactInbox, fields: Fields, key: Fields) -> ContactInbox:
    contact = contact_inbox.contact
    if not contact.verified:
        _assign(contact, key)
    _apply(contact, fields)
    sessions.save(contact_inbox)
    return contact_inbox


def _join(contact_inbox: ContactInbox, fields: Fields, key: Fields, *, signed: bool) -> ContactInbox:
    """Bring the session to the contact with this key; its own contact becomes that one, or is folded into it.

    Only this session moves: a contact that has others too stays with them as it is, and so does one shared by claim
    when the session claims somebody else.
    """
    own, target = _own_and_target(contact_inbox, key)
    contact_inbox, has_others = sessions.reread(contact_inbox)
    _authorize(own, fields, signed=signed)
    stays = has_others or (own.claim_shared and not signed)
    visitor = copy(own)
    if target is None:
        target = Contact(account_id=own.account_id) if stays else own
        _assign(target, key)
    _refuse_blocked(target)
    # What is sent wins over both, and the target over the visitor, also where the target's value is replaced.
    kept = filled(target.custom_attributes, visitor.custom_attributes)
    visitor.custom_attributes = merged(kept, fields.get("custom_attributes", {}))
    _apply(target, fields)
    if not stays:
        fold(target, visitor)
    target.save()
    sessions.move(contact_inbox, target, signed=signed)
    if stays:  # an answer that was kept tells of the contact that is left, and must not outlive it here
        IdempotencyKey.objects.filter(contact_inbox=contact_inbox).delete()
    elif target != own:
        delete_into(target, own)
    return contact_inbox


def _own_and_target(contact_inbox: ContactInbox, key: Fields) -> tuple[Contact, Contact | None]:
    same_key = Q(account_id=contact_inbox.contact.account_id, **key)
    pair = Contact.objects.select_for_update().filter(same_key | Q(pk=contact_inbox.contact_id)).order_by("pk")
    contacts = {contact.pk: contact for contact in pair}
    if contact_inbox.contact_id not in contacts:
        raise sessions.Overtaken
    target = next((contact for contact in contacts.values() if _has(contact, key)), None)
    return contacts[contact_inbox.contact_id], target


def _assign(contact: Contact, key: Fields) -> None:
    if "identifier" in key:
        contact.verify(key["identifier"])
    else:
        for name, value in key.items():
            setattr(contact, name, value)


def _apply(contact: Contact, fields: Fields) -> None:
    """Write what was sent into ``contact``; nothing is saved."""
    for name in Contact.PLAIN_FIELDS:
        if name in fields:
            setattr(contact, name, fields[name])
    if "custom_attributes" in fields:
        contact.custom_attributes = merged(contact.custom_attributes, fields["custom_attributes"])
        try:
            validate_custom_attributes(contact.custom_attributes)
        except ValidationError as error:
            raise ValidationError({"custom_attributes": error}) from error
    contact.last_activity_at = timezone.now()
