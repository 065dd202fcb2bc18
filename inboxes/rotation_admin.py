"""The actions with which staff change the HMAC tokens of inboxes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from .bounded_admin import CHANGED, BoundedAdmin
from .identity import hmac_tokens, revoke_previous_hmac_token, rotate_hmac_token
from .models import Inbox

OLD_TOKEN_ENDS = _(
    "Hashes made with the old token are refused from now on, for good: nobody can sign in until your servers have the "
    "new one. The earlier token of an overlap that is still running ends too."
)
OVERLAP_ENDS = _("Hashes made with the earlier token are refused from then on. The current token stays.")
NONE_LEFT = _("Nothing has changed: none of these inboxes is left, or none has an overlap.")


class RotationAdmin(BoundedAdmin):
    """Rotates with and without overlap, and asks first where a token would end at once."""

    actions: tuple[str, ...] = ("rotate", "rotate_now", "end_overlap")

    @admin.action(description=_("Give a new HMAC token, keep the old one for seven days"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> HttpResponse | None:
        done = ngettext_lazy(
            "%(count)d inbox has a new HMAC token. The old one is valid for seven days.",
            "%(count)d inboxes have a new HMAC token. The old ones are valid for seven days.",
            "count",
        )
        history = _("New HMAC token, the old one for seven days.")
        return self._change("rotate", request, queryset, rotate_hmac_token, _earlier_tokens_end, history, done)

    @admin.action(description=_("Give a new HMAC token and end the old one now"), permissions=["change"])
    def rotate_now(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> HttpResponse | None:
        done = ngettext_lazy(
            "%(count)d inbox has a new HMAC token. The old one has ended.",
            "%(count)d inboxes have a new HMAC token. The old ones have ended.",
            "count",
        )
        history = _("New HMAC token, the old one ended.")
        return self._change("rotate_now", request, queryset, _rotate_now, lambda inboxes: OLD_TOKEN_ENDS, history, done)

    @admin.action(description=_("End the overlap now"), permissions=["change"])
    def end_overlap(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> HttpResponse | None:
        done = ngettext_lazy(
            "%(count)d inbox now takes its current HMAC token only.",
            "%(count)d inboxes now take their current HMAC token only.",
            "count",
        )
        overlapping = queryset.exclude(previous_hmac_token="")
        history = _("Previous HMAC token ended.")
        return self._change(
            "end_overlap", request, overlapping, revoke_previous_hmac_token, lambda inboxes: OVERLAP_ENDS, history, done
        )

    def _change(
        self,
        action: str,
        request: HttpRequest,
        queryset: QuerySet[Inbox],
        rule: Callable[[Inbox], None],
        warning: Callable[[list[Inbox]], str | Promise],
        history: Promise,
        done: Any,
    ) -> HttpResponse | None:
        """Apply ``rule`` to all of the inboxes or to none, and ask first where it takes a ``warning``.

        A yes holds for the inboxes as they were when staff were asked: said twice, it would end a newer token.
        """
        with transaction.atomic():
            inboxes = list(Inbox.objects.select_for_update().filter(pk__in=queryset.values("pk")).order_by("pk"))
            as_it_is = " ".join(inbox.updated_at.isoformat() for inbox in inboxes)
            text = warning(inboxes) if inboxes else ""
            answer = request.POST.get("post")
            if text and answer != as_it_is:
                if answer is not None:
                    self.message_user(request, CHANGED, messages.WARNING)
                return self.confirmation(request, action, inboxes, text, answer=as_it_is)
            for inbox in inboxes:
                rule(inbox)
                self.log_change(request, inbox, str(history))
        self._tell(request, done, inboxes)
        return None

    def _tell(self, request: HttpRequest, done: Any, inboxes: list[Inbox]) -> None:
        if not inboxes:
            self.message_user(request, NONE_LEFT, messages.WARNING)
            return
        links = format_html_join(", ", "{}", [[self.link(inbox)] for inbox in inboxes])
        message = format_html("{} {} {}", done % {"count": len(inboxes)}, gettext("Open:"), links)
        self.message_user(request, message, messages.SUCCESS)


def _earlier_tokens_end(inboxes: list[Inbox]) -> str:
    """Return the warning for those of ``inboxes`` with a running overlap; an empty one when there are none."""
    overlapping = [str(inbox) for inbox in inboxes if len(hmac_tokens(inbox)) > 1]
    if not overlapping:
        return ""
    return gettext(
        "An overlap is still running for: %(inboxes)s. Only one earlier token is kept, so the earlier token of that "
        "overlap ends now, before its time: hashes made with it are refused from then on."
    ) % {"inboxes": ", ".join(overlapping)}


def _rotate_now(inbox: Inbox) -> None:
    rotate_hmac_token(inbox, overlap=timedelta(0))
