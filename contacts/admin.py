"""Contacts, their sessions and the records of merges in the admin."""

import json
import re
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inboxes.bounded_admin import BoundedAdmin
from inboxes.locking_admin import LockingAdmin

from .admin_search import MERGED, NUMBER, parts
from .avatar_admin import AvatarAdmin
from .erasure_admin import ErasureAdmin, hold
from .forms import ContactForm
from .merge_admin import MergeAdmin
from .models import Contact, ContactInbox, ContactMerge
from .validators import normalize_email

SESSIONS_SHOWN = 20


@admin.register(Contact)
class ContactAdmin(AvatarAdmin, MergeAdmin, ErasureAdmin, LockingAdmin):
    form = ContactForm
    actions = (*MergeAdmin.actions, "fetch_again")
    list_display = (
        "id",
        "name",
        "email",
        "phone_number",
        "identifier",
        "is_verified",
        "is_blocked",
        "last_activity_at",
    )
    list_display_links = ("id", "name")
    search_fields = ("identifier", "claimed_identifier", "email", "phone_number", "contact_inboxes__source_id")
    search_help_text = _(
        "Write all of an identifier, an email address, a phone number with its country code, a source id, or the "
        "number of a contact, like #19; or up to ten of these, separated by commas. Names are not searched. At most "
        "10,000 contacts are counted and paged through."
    )
    autocomplete_fields = ("account",)
    readonly_fields = (
        "is_verified",
        "claimed_identifier",
        "claim_shared",
        "likely_duplicates",
        *AvatarAdmin.AVATAR_FIELDS,
        "sessions",
        "last_activity_at",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (
            _("Who it is"),
            {
                "fields": ("account", "identifier", "is_verified", "claimed_identifier", "claim_shared"),
                "description": _(
                    "To write an identifier here is to vouch for it: the contact is verified from then on, "
                    "and belongs to whoever signs in with that identifier."
                ),
            },
        ),
        (_("About"), {"fields": ("name", "email", "phone_number", "avatar_url", "custom_attributes")}),
        MergeAdmin.DUPLICATES_FIELDSET,
        AvatarAdmin.AVATAR_FIELDSET,
        (
            _("Access"),
            {
                "fields": ("blocked",),
                "description": _(
                    "The same person can come back unsigned, as somebody new, if the inbox allows unsigned requests."
                ),
            },
        ),
        (_("Sessions"), {"fields": ("sessions",)}),
        (_("Times"), {"fields": ("last_activity_at", "created_at", "updated_at")}),
    )

    @admin.display(description=_("verified"), boolean=True)
    def is_verified(self, contact: Contact) -> bool:
        return contact.verified

    @admin.display(description=_("blocked"), empty_value="")
    def is_blocked(self, contact: Contact) -> str:
        return gettext("Blocked") if contact.blocked else ""

    @admin.display(description=_("newest sessions"))
    def sessions(self, contact: Contact) -> SafeString | str:
        newest = list(contact.contact_inboxes.select_related("inbox").order_by("-pk")[: SESSIONS_SHOWN + 1])
        if not newest:
            return str(self.get_empty_value_display())
        links = [self.link_to(f"{one} · {one.inbox}", ContactInbox, "change", args=[one.pk]) for one in newest]
        if len(newest) > SESSIONS_SHOWN:
            every = gettext("All sessions of this contact")
            query = {"contact__id": contact.pk}
            links[SESSIONS_SHOWN:] = [self.link_to(every, ContactInbox, "changelist", query=query)]
        return format_html_join(mark_safe("<br>"), "{}", ([link] for link in links))

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> tuple[str, ...]:
        """A contact stays in its account."""
        return ("account", *self.readonly_fields) if obj else self.readonly_fields

    def found_by(self, search_term: str) -> Q:
        """Find by equality, each condition by its index: ``contains``, or an OR over a join, would scan the table."""
        # A visitor may claim any text, also one that looks like the number of somebody else.
        written = parts(search_term)
        numbers = {term: int(term[1:]) for term in written if NUMBER.fullmatch(term)}
        terms = {*written, search_term.strip()} - numbers.keys() if len(numbers) < len(written) else set()
        sessions = ContactInbox.objects.filter(source_id__in=terms)
        emails = [normalize_email(term) for term in terms]
        phone_numbers = [f"+{_digits(term)}" for term in terms.intersection(written)]
        found = Q(pk__in=[*numbers.values(), *sessions.values_list("contact", flat=True)])
        found |= Q(identifier__in={*written, search_term.strip()})  # which nobody has who was not vouched for
        # SQLite takes an index that leaves out what is empty only for who does so too.
        found |= Q(claimed_identifier__in=terms) & ~Q(claimed_identifier="")
        found |= Q(email__in=emails) & ~Q(email="")
        return found | Q(phone_number__in=phone_numbers) & ~Q(phone_number="")


def _digits(term: str) -> str:
    """Return the digits of what may be a phone number, however another program parts them."""
    text = re.sub(r"[^\w+]", "", term)
    return text.removeprefix("+") if re.fullmatch(r"\+?[0-9]+", text) else ""


class ReadOnlyAdmin(BoundedAdmin):
    """Of what comes from elsewhere: staff see it."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ContactInbox)
class ContactInboxAdmin(ReadOnlyAdmin):
    allowed_lookups = ("contact__id",)
    list_display = ("id", "contact", "inbox", "hmac_verified", "created_at", "last_seen_at")
    list_select_related = ("contact", "inbox")
    search_fields = ("source_id",)
    search_help_text = _("Write all of a source id. At most 10,000 sessions are counted and paged through.")
    fieldsets = (
        (None, {"fields": ("contact", "inbox", "hmac_verified")}),
        (
            _("Secrets"),
            {
                "fields": ("source_id", "pubsub_token"),
                "description": _("Whoever has these can read and write as this visitor."),
            },
        ),
        (_("Times"), {"fields": ("created_at", "last_seen_at")}),
    )
    readonly_fields = ("contact", "inbox", "hmac_verified", "source_id", "pubsub_token", "created_at", "last_seen_at")

    def found_by(self, search_term: str) -> Q:
        return Q(source_id=search_term.strip())

    def delete_model(self, request: HttpRequest, obj: ContactInbox) -> None:
        self.delete_queryset(request, ContactInbox.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ContactInbox]) -> None:
        """Lock their contacts first: who holds the contact may be about to write the session."""
        with transaction.atomic():
            hold(Contact.objects.filter(pk__in=queryset.order_by().values("contact")))
            super().delete_queryset(request, queryset)


@admin.register(ContactMerge)
class ContactMergeAdmin(ReadOnlyAdmin):
    list_display = ("id", "base_contact_id", "mergee_contact_id", "account", "created_at")
    list_select_related = ("account",)
    search_fields = ("base_contact_id", "mergee_contact_id")
    search_help_text = _("Write the number of a contact, or up to ten, separated by commas.")
    readonly_fields = ("account", "base_contact_id", "base", "mergee_contact_id", "mergee", "created_at")
    fieldsets = (
        (
            None,
            {
                "fields": readonly_fields,
                "description": _("The base contact won. The mergee contact was folded into it and no longer exists."),
            },
        ),
    )

    @admin.display(description=_("base contact as it was"))
    def base(self, merge: ContactMerge) -> SafeString:
        return _readable(merge.base_contact)

    @admin.display(description=_("mergee contact as it was"))
    def mergee(self, merge: ContactMerge) -> SafeString:
        return _readable(merge.mergee_contact)

    def found_by(self, search_term: str) -> Q:
        digits = [term.removeprefix("#") for term in parts(search_term)]
        numbers = [int(one) for one in digits if NUMBER.fullmatch(f"#{one}")]
        return Q(*((f"{name}__in", numbers) for name in MERGED), _connector=Q.OR)


def _readable(value: Any) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
