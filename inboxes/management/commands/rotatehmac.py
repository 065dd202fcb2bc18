from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from inboxes.identity import HMAC_TOKEN_OVERLAP, hmac_tokens, rotate_hmac_token
from inboxes.management.base import InboxCommand, add_format, write

DAYS = range(366)


class Command(InboxCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.description = _(
            "Give an inbox a new HMAC token and print it. Hashes made with the old one stay right for some days, "
            "so that your servers can change over one after the other. Only one earlier token is kept: to rotate "
            "during an overlap ends the token before the last at once."
        )
        old = parser.add_mutually_exclusive_group()
        old.add_argument(
            "--overlap",
            type=int,
            metavar="DAYS",
            help=_("How long the old token stays valid: 0 to 365 days, 7 unless said otherwise."),
        )
        old.add_argument(
            "--revoke-now",
            action="store_true",
            help=_("End the old token at once, for example because it has leaked."),
        )
        add_format(parser)

    def handle(self, *, inbox: str, overlap: int | None, revoke_now: bool, **options: Any) -> None:
        if overlap is None:
            overlap = 0 if revoke_now else HMAC_TOKEN_OVERLAP.days
        if overlap not in DAYS:
            raise CommandError(_("The overlap has to be 0 to 365 days."))
        rotated = self.get_inbox(inbox)
        overlapped = len(hmac_tokens(rotated)) > 1
        rotate_hmac_token(rotated, timedelta(days=overlap))
        if overlapped:
            self.stderr.write(_("An overlap was running: the token before the last has ended now."))
        until = rotated.previous_hmac_token_valid_until
        if until and timezone.is_naive(until):  # as where the host has USE_TZ = False
            until = timezone.make_aware(until)
        values = {
            "identifier": rotated.identifier,
            "hmac_token": rotated.hmac_token,
            "previous_hmac_token_valid_until": until.isoformat(timespec="seconds") if until else None,
        }
        write(self.stdout, options["format"], values)
