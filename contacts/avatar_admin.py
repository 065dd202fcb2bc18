"""The picture of a contact for staff: from our own storage, its status, and the action that fetches it again."""

from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from inboxes.bounded_admin import BoundedAdmin

from . import avatar_queue, avatars
from .avatar_model import AvatarState
from .avatar_reasons import REASONS
from .models import Contact

SIDE = 128  # pixels
ASKED_FOR = 100  # at once; workers and `fetchavatars` find the rest, as it is due
STATES: dict[str, str | Promise] = {
    AvatarState.DUE: _("Due: it is fetched as soon as a worker has time."),
    AvatarState.FETCHED: _("Fetched, and stored here."),
    AvatarState.REFUSED: _("Refused: it is not tried again until there is another address, or you ask for it."),
    AvatarState.FAILED: _("Failed: it is tried again later."),
}
GIVEN_UP = _("Failed three times: it is not tried again until there is another address, or you ask for it.")


class AvatarAdmin(BoundedAdmin):
    """Shows the picture where the extra ``avatars`` is installed; else there is the address only."""

    AVATAR_FIELDS = ("picture", "picture_state", "picture_reason", "avatar_due_at")
    AVATAR_FIELDSET: Any = (_("Picture"), {"fields": AVATAR_FIELDS})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return [one for one in fieldsets if avatars.installed() or one[1]["fields"] != self.AVATAR_FIELDS]

    @admin.display(description=_("picture"))
    def picture(self, contact: Contact) -> SafeString | str:
        address = ""
        with suppress(Exception):  # each storage has errors of its own, and the page has more to show
            address = contact.avatar.url
        if not address:
            return str(self.get_empty_value_display())
        return format_html(
            '<img src="{}" alt="{}" width="{}" height="{}">',
            address,
            gettext("The picture of this contact"),
            SIDE,
            SIDE,
        )

    @admin.display(description=_("status of the picture"))
    def picture_state(self, contact: Contact) -> str | Promise:
        if contact.avatar_state == AvatarState.FAILED and contact.avatar_due_at is None:
            return GIVEN_UP
        return STATES.get(contact.avatar_state) or str(self.get_empty_value_display())

    @admin.display(description=_("reason"))
    def picture_reason(self, contact: Contact) -> str | Promise:
        return REASONS.get(contact.avatar_reason) or str(self.get_empty_value_display())

    def has_fetch_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) and avatars.installed()

    @admin.action(description=_("Fetch the picture again"), permissions=["fetch"])
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        due = avatars.again(queryset)
        for contact_id in due[:ASKED_FOR]:
            avatar_queue.enqueue(contact_id)
        done = ngettext(
            "%(count)d picture is due. Contacts without an address, and those being fetched now, are left out.",
            "%(count)d pictures are due. Contacts without an address, and those being fetched now, are left out.",
            len(due),
        )
        none = gettext("No picture is due: these contacts have no address of one, or it is being fetched now.")
        text, level = (done % {"count": len(due)}, messages.SUCCESS) if due else (none, messages.WARNING)
        self.message_user(request, text, level)
