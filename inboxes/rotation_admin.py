"""The actions with which staff change the HMAC tokens of inboxes."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .bounded_admin import BoundedAdmin
from .identity import hmac_tokens, revoke_previous_hmac_token, rotate_hmac_token
from .models import Inbox

OLD_TOKEN_ENDS = _(
    "Hashes made with the old token are refused from now on, for good: nobody can sign in until your servers have the "
    "new one. The earlier token of an overlap that is still running ends too."
)
OVERLAP_ENDS = _("Hashes made with the earlier token are refused from then on. The current token stays.")


class RotationAdmin(BoundedAdmin):
    """Rotates with and without overlap, and asks first where a token would end at once."""

    actions: tuple[str, ...] = ("rotate", "rotate_now", "end_overlap")

    @admin.action(description=_("Give a new HMAC token, keep the old one for seven days"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> HttpResponse | None:
        overlapping = [str(inbox) for inbox in queryset if len(hmac_tokens(inbox)) > 1]
        if overlapping and "post" not in request.POST:
            return self.confirmation(request, "rotate", queryset, _earlier_tokens_end(overlapping))
        inboxes = self._apply(request, queryset, rotate_hmac_token, _("New HMAC token, the old one for seven days."))
        done = ngettext(
            "%(count)d inbox has a new HMAC token. The old one is valid for seven days.",
            "%(count)d inboxes have a new HMAC token. The old ones are valid for seven days.",
            len(inboxes),
        )
        self._tell(request, done, inboxes)
        return None

    @admin.action(description=_("Give a new HMAC token and end the old one now"), permissions=["change"])
    def rotate_now(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> HttpResponse | None:
        if "post" not in request.POST:
            return self.confirmation(request, "rotate_now", queryset, OLD_TOKEN_ENDS)
        inboxes = self._apply(request, queryset, _rotate_now, _("New HMAC token, the old one ended."))
        done = ngettext(
            "%(count)d inbox has a new HMAC token. The old one has ended.",
            "%(count)d inboxes have a new HMAC token. The old ones have ended.",
            len(inboxes),
        )
        self._tell(request, done, inboxes)
        return None

    @admin.action(description=_("End the overlap now"), permissions=["change"])
    def end_overlap(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> HttpResponse | None:
        if "post" not in request.POST:
            return self.confirmation(request, "end_overlap", queryset, OVERLAP_ENDS)
        inboxes = self._apply(request, queryset, revoke_previous_hmac_token, _("Previous HMAC token ended."))
        done = ngettext(
            "%(count)d inbox takes its current HMAC token only.",
            "%(count)d inboxes take their current HMAC token only.",
            len(inboxes),
        )
        self._tell(request, done, inboxes)
        return None

    def _apply(
        self, request: HttpRequest, queryset: QuerySet[Inbox], rule: Callable[[Inbox], None], log_message: Promise
    ) -> list[Inbox]:
        """Apply ``rule`` to all of the inboxes or to none, note it in their history and return them."""
        with transaction.atomic():
            inboxes = list(queryset.order_by("pk"))
            for inbox in inboxes:
                rule(inbox)
                self.log_change(request, inbox, str(log_message))
        return inboxes

    def _tell(self, request: HttpRequest, done: str, inboxes: list[Inbox]) -> None:
        links = format_html_join(", ", "{}", [[self.link(inbox)] for inbox in inboxes])
        message = format_html("{} {} {}", done % {"count": len(inboxes)}, gettext("Open:"), links)
        self.message_user(request, message, messages.SUCCESS)


def _earlier_tokens_end(overlapping: list[str]) -> str:
    return gettext(
        "An overlap is still running for: %(inboxes)s. Only one earlier token is kept, so the earlier token of that "
        "overlap ends now, before its time: hashes made with it are refused from then on."
    ) % {"inboxes": ", ".join(overlapping)}


def _rotate_now(inbox: Inbox) -> None:
    rotate_hmac_token(inbox, overlap=timedelta(0))
