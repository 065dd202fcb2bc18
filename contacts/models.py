from typing import Any

from django.core.validators import EmailValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inboxes import tokens
from inboxes.models import Account, Inbox

from . import signals
from .attributes import AttributesDecoder, validate_custom_attributes
from .avatar_model import HasAvatar
from .changes import saved_fields, updates
from .validators import (
    normalize_email,
    validate_avatar_url,
    validate_email_characters,
    validate_identifier,
    validate_no_control_characters,
    validate_phone_number,
)


class Contact(HasAvatar):
    """One person, as one account knows them. Verified: with an ``identifier``; who merely claims one is not."""

    # What a call replaces when it is sent, and a merge fills when it is blank.
    PLAIN_FIELDS = ("name", "email", "phone_number", "avatar_url")
    REMEMBERED = ("identifier", *PLAIN_FIELDS, "custom_attributes", "blocked")
    merged_into: "Contact | None" = None  # while it is deleted

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="contacts", verbose_name=_("account"))
    identifier = models.CharField(  # noqa: DJ001 (see null)
        _("identifier"),
        max_length=255,
        null=True,  # unlike "", null may stand in many rows of a unique constraint
        blank=True,
        validators=[validate_identifier],
        help_text=_("Your own system's id of this person, proven by a signed request or set by staff."),
    )
    claimed_identifier = models.CharField(
        _("claimed identifier"),
        max_length=255,
        blank=True,
        default="",
        editable=False,
        help_text=_("What the visitor says their identifier is. Nobody has proven it."),
    )
    claim_shared = models.BooleanField(
        _("shared by claim"),
        default=False,
        editable=False,
        help_text=_("Every visitor of an inbox that matches claims shares this contact by claiming its identifier."),
    )
    name = models.CharField(
        _("name"), max_length=255, blank=True, default="", validators=[validate_no_control_characters]
    )
    email = models.CharField(
        _("email"),
        max_length=254,
        blank=True,
        default="",
        validators=[EmailValidator(), validate_email_characters],
    )
    phone_number = models.CharField(
        _("phone number"), max_length=16, blank=True, default="", validators=[validate_phone_number]
    )
    avatar_url = models.CharField(
        _("avatar address"), max_length=2048, blank=True, default="", validators=[validate_avatar_url]
    )
    custom_attributes = models.JSONField(
        _("custom attributes"),
        default=dict,
        blank=True,
        decoder=AttributesDecoder,
        validators=[validate_custom_attributes],
    )
    blocked = models.BooleanField(
        _("blocked"),
        default=False,
        help_text=_("A blocked contact can be read, but no longer changed or signed in."),
    )
    last_activity_at = models.DateTimeField(_("last activity at"), default=timezone.now, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [
            # The identifier comes first, so that staff's search across accounts uses it too.
            models.UniqueConstraint(fields=["identifier", "account"], name="inquirly_contact_identifier"),
            models.UniqueConstraint(
                fields=["claimed_identifier", "account"],
                condition=Q(claim_shared=True),
                name="inquirly_contact_shared_claim",
            ),
            models.CheckConstraint(
                condition=Q(identifier=None) | ~Q(identifier=""), name="inquirly_contact_identifier_filled"
            ),
            models.CheckConstraint(
                condition=Q(claim_shared=False) | (Q(identifier=None) & ~Q(claimed_identifier="")),
                name="inquirly_contact_shared_unverified",
            ),
        ]
        indexes = [
            models.Index(fields=["email"], condition=~Q(email=""), name="inquirly_contact_email"),
            models.Index(fields=["phone_number"], condition=~Q(phone_number=""), name="inquirly_contact_phone"),
            models.Index(
                fields=["claimed_identifier"],
                condition=~Q(claimed_identifier=""),
                name="inquirly_contact_claim",
            ),
            models.Index(
                fields=["avatar_due_at"], condition=Q(avatar_due_at__isnull=False), name="inquirly_contact_avatar"
            ),
        ]

    def __str__(self) -> str:
        # Neither email nor phone number: the admin keeps this text in its history, also of what was erased.
        # A visitor may call themselves nothing that can be seen, or "#5".
        return f"#{self.pk} {self.name}".rstrip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        created = not updates(self, kwargs)
        super().save(*args, **kwargs)
        signals.announce(self, created=created, only=kwargs.get("update_fields"))

    def clean(self) -> None:
        self.email = normalize_email(self.email)
        if self.identifier:
            self.verify(self.identifier)

    @property
    def verified(self) -> bool:
        return self.identifier is not None

    def verify(self, identifier: str) -> None:
        """Take ``identifier`` as proven: the contact is no longer found by a claim. Nothing is saved."""
        self.identifier = identifier
        self.claimed_identifier = ""
        self.claim_shared = False


class ContactInbox(models.Model):
    """A session: one contact met in one inbox, addressed by its ``source_id``."""

    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="contact_inboxes", verbose_name=_("inbox"))
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, related_name="contact_inboxes", verbose_name=_("contact")
    )
    source_id = models.CharField(_("source id"), max_length=64, default=tokens.new_source_id, editable=False)
    pubsub_token = models.CharField(_("pubsub token"), max_length=64, default=tokens.new_pubsub_token, editable=False)
    hmac_verified = models.BooleanField(_("verified by HMAC"), default=False, editable=False)
    streamed = models.BooleanField(
        _("streamed"),
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Whether a socket has ever opened it: only these are told of changes."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        constraints = [
            models.UniqueConstraint(fields=["source_id"], name="inquirly_session_source_id"),
            models.UniqueConstraint(fields=["pubsub_token"], name="inquirly_session_pubsub_token"),
        ]
        indexes = [
            models.Index(fields=["contact", "id"], condition=Q(streamed=True), name="inquirly_session_streamed"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not args and updates(self, kwargs) and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = saved_fields(self) - {"streamed"}  # a socket may have opened it meanwhile
        super().save(*args, **kwargs)


class IdempotencyKey(models.Model):
    """What a client named a create by, and the answer that it gets again when it sends the same once more."""

    inbox = models.ForeignKey(
        Inbox,
        on_delete=models.CASCADE,
        related_name="idempotency_keys",
        verbose_name=_("inbox"),
        db_index=False,  # the unique constraint begins with it
    )
    key = models.CharField(_("key"), max_length=255)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    answer = models.TextField(_("answer"))  # JSON as text: PostgreSQL would put the keys of a JSON field into an order
    contact_inbox = models.ForeignKey(
        ContactInbox, on_delete=models.CASCADE, related_name="idempotency_keys", verbose_name=_("session")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [models.UniqueConstraint(fields=["inbox", "key"], name="inquirly_idempotency_key")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ContactMerge(models.Model):
    """The record of a merge by staff: both contacts as they were.

    It refers to contacts by their bare ids, so that it outlives them.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="contact_merges", verbose_name=_("account")
    )
    base_contact_id = models.BigIntegerField(_("base contact"), db_index=True)
    mergee_contact_id = models.BigIntegerField(_("mergee contact"), db_index=True)
    base_contact = models.JSONField(_("base contact as it was"))
    mergee_contact = models.JSONField(_("mergee contact as it was"))
    created_at = models.DateTimeField(_("merged at"), auto_now_add=True)

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")

    def __str__(self) -> str:
        return f"#{self.mergee_contact_id} → #{self.base_contact_id}"
