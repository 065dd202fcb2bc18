"""Accounts and inboxes in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .forms import InboxForm
from .locking_admin import LockingAdmin
from .models import Account, Inbox
from .rotation_admin import RotationAdmin

MAX_DELETED_ALONG = 1_000


class HolderAdmin(LockingAdmin):
    """Of what others belong to: it is deleted only while little does."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse where Django's page, which names every row that goes along, would not be readable."""
        return obj is not None and super().has_delete_permission(request, obj) and not _holds_much(obj)


def _holds_much(obj: Model) -> bool:
    return any(
        relation.related_model._default_manager.filter(**{relation.field.name: obj})[: MAX_DELETED_ALONG + 1].count()
        > MAX_DELETED_ALONG
        for relation in obj._meta.related_objects
    )


@admin.register(Account)
class AccountAdmin(HolderAdmin):
    list_display = ("name", "created_at")
    search_fields = ("name",)
    fields = ("name", "created_at")
    readonly_fields = ("created_at",)


@admin.register(Inbox)
class InboxAdmin(RotationAdmin, HolderAdmin):
    form = InboxForm
    list_display = (
        "name",
        "identifier",
        "account",
        "hmac_mandatory",
        "match_claims",
        "previous_hmac_token_valid_until",
    )
    list_select_related = ("account",)
    search_fields = ("name", "identifier__exact")
    autocomplete_fields = ("account",)
    readonly_fields = ("identifier", "hmac_token", "previous_hmac_token_valid_until", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("account", "name", "identifier")}),
        (
            _("Proof of identity"),
            {
                "fields": ("hmac_token", "previous_hmac_token_valid_until", "hmac_mandatory", "match_claims"),
                "description": _(
                    "To give a new HMAC token, or to end the old one, tick this inbox in the list and choose an action."
                ),
            },
        ),
        (_("Browsers"), {"fields": ("allowed_origins",)}),
        (
            _("What visitors are told"),
            {
                "fields": (
                    "timezone",
                    "working_hours_enabled",
                    "working_hours",
                    "csat_survey_enabled",
                    "greeting_enabled",
                ),
                "description": _("Clients can read these. Inquirly itself sends no survey and no greeting."),
            },
        ),
        (_("Times"), {"fields": ("created_at", "updated_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Inbox | None = None) -> tuple[str, ...]:
        """An inbox stays in the account it was made in."""
        return ("account", *self.readonly_fields) if obj else self.readonly_fields
