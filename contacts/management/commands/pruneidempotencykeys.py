from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from contacts import idempotency
from inboxes.management.base import DatabaseCommand, add_format, write


class Command(DatabaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = _(
            "Delete the idempotency keys of more than 24 hours ago with the answers kept for them, and print how "
            "many these were. Run it once a day."
        )
        add_format(parser)

    def handle(self, **options: Any) -> None:
        deleted = 0
        for batch in idempotency.prune():
            deleted += batch
            if batch == idempotency.BATCH:  # there may be many more
                self.stderr.write(_("%(number)d deleted so far.") % {"number": deleted})
        write(self.stdout, options["format"], {"deleted": deleted})
