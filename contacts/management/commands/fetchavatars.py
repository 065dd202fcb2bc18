from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management import CommandError
from django.utils.translation import gettext as _

from contacts import avatars
from contacts.avatar_model import AvatarState
from inboxes.management.base import DatabaseCommand, add_format, write
from inboxes.management.progress import Progress

SHOWN = (AvatarState.FETCHED, AvatarState.REFUSED, AvatarState.FAILED)


class Command(DatabaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = _(
            "Fetch the pictures of contacts that are due, and print how many came, were refused, and failed for now. "
            "Without a worker of Django Tasks, let cron run it."
        )
        parser.add_argument("--limit", type=int, metavar="N", help=_("Fetch at most N pictures."))
        add_format(parser)

    def handle(self, *, limit: int | None, **options: Any) -> None:
        if limit is not None and limit < 1:
            raise CommandError(_("--limit must be at least 1."))
        if not avatars.installed():
            raise CommandError(_("Pictures need the extra “avatars”. Run: pip install 'inquirly[avatars]'"))
        due = avatars.due().count()
        done: Counter[AvatarState] = Counter()
        with Progress(self.stderr, due if limit is None else min(due, limit)) as progress:
            for outcome in avatars.fetch_due(limit):
                done[outcome.state] += 1
                progress.advance()
        write(self.stdout, options["format"], {str(state): done[state] for state in SHOWN})
