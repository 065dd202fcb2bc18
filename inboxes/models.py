from django.db import models
from django.utils.translation import gettext_lazy as _

from . import tokens
from .validators import validate_allowed_origins, validate_timezone, validate_working_hours


class Account(models.Model):
    """The tenant: one business. Inboxes and contacts belong to one account, and nothing crosses."""

    name = models.CharField(_("name"), max_length=255)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.name


class Inbox(models.Model):
    """Where contacts arrive: its public address, its secret and who may speak through it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="inboxes", verbose_name=_("account"))
    name = models.CharField(_("name"), max_length=255)
    identifier = models.CharField(
        _("identifier"),
        max_length=64,
        unique=True,
        default=tokens.new_inbox_identifier,
        editable=False,
        help_text=_("Public: it stands in every URL of this inbox."),
    )
    hmac_token = models.CharField(
        _("HMAC token"),
        max_length=64,
        default=tokens.new_hmac_token,
        editable=False,
        help_text=_("Secret: whoever has it can speak as anybody. Keep it on your servers."),
    )
    previous_hmac_token = models.CharField(
        _("previous HMAC token"), max_length=64, blank=True, default="", editable=False
    )
    previous_hmac_token_valid_until = models.DateTimeField(
        _("previous HMAC token valid until"), null=True, blank=True, editable=False
    )
    hmac_mandatory = models.BooleanField(
        _("identity validation is mandatory"),
        default=False,
        help_text=_("Refuse to create or change a contact without a right identifier_hash."),
    )
    match_claims = models.BooleanField(
        _("match claimed identifiers"),
        default=False,
        help_text=_(
            "For sites that sign nothing: visitors who claim the same identifier without proof share one "
            "unverified contact. Whoever knows or guesses an identifier can then read and change the name, "
            "email and phone number of that contact. Verified contacts are never matched."
        ),
    )
    allowed_origins = models.JSONField(
        _("allowed origins"),
        default=list,
        blank=True,
        validators=[validate_allowed_origins],
        help_text=_('Pages that may read the answers, like ["https://www.example.com"]. Empty: any page.'),
    )
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_timezone])
    working_hours = models.JSONField(
        _("working hours"), default=tokens.default_working_hours, validators=[validate_working_hours]
    )
    working_hours_enabled = models.BooleanField(_("working hours are shown"), default=False)
    csat_survey_enabled = models.BooleanField(_("satisfaction survey is on"), default=False)
    greeting_enabled = models.BooleanField(_("greeting is on"), default=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("inbox")
        verbose_name_plural = _("inboxes")

    def __str__(self) -> str:
        return self.name
