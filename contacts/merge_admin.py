"""The action with which staff merge two contacts: a page that compares them, and the merge."""

import hashlib
from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import display_for_field, model_ngettext
from django.db import transaction
from django.db.models import BooleanField, Field, ProtectedError, QuerySet, RestrictedError
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inboxes.bounded_admin import CHANGED, BoundedAdmin

from .admin_search import TERMS, listed
from .merge import merge
from .models import Contact

EXPLANATION = _(
    "The contact that wins keeps its values, and its gaps are filled from the other one. The sessions of the other "
    "contact move to it: whoever holds one of them can then read the name, email and phone number that are kept. "
    "Where both have an identifier, that of the winner stays; who signs in with the other is a new contact. "
    "A block of the winner holds for all of these sessions, and one of the other contact ends. "
    "The other contact disappears, perhaps with what your project keeps of it and does not move. A record of both as "
    "they were stays. This cannot be undone."
)
PIECE = 30  # characters
NOT_COMPARED = {"id", "account", *Contact.AVATAR_FILES, *Contact.AVATAR_STATE}
TIMES = {"last_activity_at", "updated_at"}  # which every call of a visitor changes
LOOKED_AT = 100  # with the same value, of whatever account: anybody could make a million of them
GONE = _("One of the two contacts is no longer here: it was merged or deleted already. Nothing has changed now.")


class MergeAdmin(BoundedAdmin):
    """Merges two contacts of one account, for staff who may both change and delete contacts."""

    actions: tuple[str, ...] = ("merge_contacts",)
    DUPLICATES_FIELDSET: Any = (
        _("Others"),
        {
            "fields": ("likely_duplicates",),
            "description": _(
                "These have the same email address or phone number. That proves nothing: two people may share a "
                "mailbox, and a visitor can write anybody's."
            ),
        },
    )

    @admin.display(description=_("likely duplicates"))
    def likely_duplicates(self, contact: Contact) -> SafeString | str:
        """Link to those of the account with the same email or phone number, and to a list from which to merge them."""
        alike = _alike(contact)
        if not alike:
            return str(self.get_empty_value_display())
        query = {"q": listed(one.pk for one in (contact, *alike))}
        together = self.link_to(gettext("Show them together, to merge two"), self.model, "changelist", query=query)
        return format_html_join(mark_safe("<br>"), "{}", [*([self.link(one)] for one in alike), [together]])

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) and self.has_delete_permission(request)

    @admin.action(description=_("Merge two contacts"), permissions=["merge"])
    def merge_contacts(self, request: HttpRequest, queryset: QuerySet[Contact]) -> HttpResponse | None:
        if "post" not in request.POST:
            contacts = list(queryset.order_by("pk")[:3])
            if refusal := _refusal(contacts, confirmed=False):
                self.message_user(request, refusal, messages.ERROR)
                return None
            return self._compare(request, contacts)
        with transaction.atomic():
            return self._confirmed(request)

    def _confirmed(self, request: HttpRequest) -> HttpResponse | None:
        """Merge if the contacts are as they were when staff were asked, else ask again."""
        # Not out of the list again: a search that found them then may find them no longer.
        ticked = self.get_queryset(request).filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        locked = Contact.objects.select_for_update().filter(pk__in=ticked.order_by().values("pk"))
        contacts = list(locked.order_by("pk")[:3])
        if refusal := _refusal(contacts, confirmed=True):
            self.message_user(request, refusal, messages.ERROR)
            return None
        if request.POST["post"] != _as_they_are(contacts):
            self.message_user(request, CHANGED, messages.WARNING)
            return self._compare(request, contacts)
        chosen = {str(contact.pk): contact for contact in contacts}.get(request.POST.get("base", ""))
        if chosen is None:
            return self._compare(request, contacts)
        contacts.remove(chosen)
        self._merge(request, chosen, *contacts)
        return None

    def _compare(self, request: HttpRequest, contacts: list[Contact]) -> HttpResponse:
        compared = [self._compared(field, contacts) for field in self.opts.fields if field.name not in NOT_COMPARED]
        return self.confirmation(
            request,
            "merge_contacts",
            contacts,
            EXPLANATION,
            answer=_as_they_are(contacts),
            template="admin/inquirly_contacts/contact/merge.html",
            compared=compared,
        )

    def _compared(self, field: "Field[Any, Any]", contacts: list[Contact]) -> tuple[str, list[str]]:
        empty = str(self.get_empty_value_display())
        values = [getattr(contact, field.name) for contact in contacts]
        if isinstance(field, BooleanField):  # in words: the icon of "no" looks like an alarm
            shown = [gettext("Yes") if value else gettext("No") for value in values]
        else:
            shown = [display_for_field(value, field, empty) for value in values]
        return capfirst(str(field.verbose_name)), [_breakable(value) for value in shown]

    def _merge(self, request: HttpRequest, base: Contact, mergee: Contact) -> None:
        number = mergee.pk
        note = gettext("Merged contact #%(number)d into this one.") % {"number": number}
        try:
            with transaction.atomic():
                base = merge(base, mergee)
                self.log_change(request, base, note)
        except (ProtectedError, RestrictedError) as error:
            kept = gettext("Contact #%(number)d cannot disappear: it is kept by %(rows)s. Nothing has changed.")
            self.message_user(request, kept % {"number": number, "rows": _counted(error)}, messages.ERROR)
            return
        done = gettext("Contact #{number} has been merged into {base}, which has its sessions now.")
        self.message_user(request, format_html(done, number=number, base=self.link(base)), messages.SUCCESS)


def _alike(contact: Contact) -> list[Contact]:
    """Return as many others as a search takes beside ``contact``."""
    found: set[Contact] = set()
    for name in ("email", "phone_number"):  # each by its index, which on SQLite takes the words that nothing is empty
        if value := getattr(contact, name):
            same = Contact.objects.filter(**{name: value}).exclude(**{name: ""}).order_by()
            found.update(one for one in same[:LOOKED_AT] if one.account_id == contact.account_id)
    return sorted(found - {contact}, key=lambda one: one.pk)[: TERMS - 1]


def _counted(error: ProtectedError | RestrictedError) -> str:
    """Return how many rows of what kind stand in the way."""
    rows = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    numbers = Counter(row._meta for row in rows)
    return ", ".join(f"{number} {model_ngettext(options, number)}" for options, number in numbers.items())


def _as_they_are(contacts: list[Contact]) -> str:
    """Return a text that is another one when more than the times of what is compared has changed."""
    names = [field.name for field in Contact._meta.concrete_fields if field.name not in NOT_COMPARED | TIMES]
    values = [[contact.pk, *(getattr(contact, name) for name in names)] for contact in contacts]
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _breakable(text: str) -> SafeString:
    """Return ``text`` with places to break it, as a long address would push the other contact off the page."""
    if isinstance(text, SafeString):  # the link of a field of a host's
        return text
    pieces = [[text[start : start + PIECE]] for start in range(0, len(text), PIECE)]
    return format_html_join(mark_safe("<wbr>"), "{}", pieces)


def _refusal(contacts: list[Contact], *, confirmed: bool) -> str | None:
    """Return why these are not merged, or None. Once staff have confirmed, there were two of them."""
    if len(contacts) != 2:
        return str(GONE) if confirmed else gettext("Choose exactly two contacts to merge. Nothing has changed.")
    if contacts[0].account_id != contacts[1].account_id:
        return gettext("These contacts belong to two accounts and cannot be merged. Nothing has changed.")
    return None
