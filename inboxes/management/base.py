"""What the commands share."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import OutputWrapper
from django.db import OperationalError, ProgrammingError
from django.utils.translation import gettext as _

from inboxes.models import Inbox
from inboxes.strict_json import is_storable


class DatabaseCommand(BaseCommand):
    """A command that says what to do when its tables are not there."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            reason = str(error).partition("\n")[0]
            hint = _("If tables of ours are missing, python manage.py migrate makes them.")
            raise CommandError(f"{reason}\n{hint}") from error


class InboxCommand(DatabaseCommand):
    """A command whose first argument is the identifier of an inbox."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("inbox", metavar="INBOX", help=_("The identifier of the inbox, as it stands in its URLs."))

    def get_inbox(self, identifier: str) -> Inbox:
        """Return the inbox with this identifier; raises ``CommandError`` when there is none."""
        inbox = Inbox.objects.filter(identifier=storable(identifier)).first()
        if inbox is None:
            raise CommandError(
                _(
                    "No inbox has the identifier “%(identifier)s”. The admin lists all of them with their "
                    "identifiers; createinbox makes a new one."
                )
                % {"identifier": identifier}
            )
        return inbox


def storable(text: str) -> str:
    """Return ``text``; raises ``CommandError`` when no database stores it."""
    if not is_storable(text):
        raise CommandError(_("An argument is not UTF-8, or holds a NUL character."))
    return text


def add_format(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=["text", "json"],
        default="text",
        help=_("text: a line for each value. json: one object, and nothing else, on standard output."),
    )


def write(stdout: OutputWrapper, format: str, values: Mapping[str, str | int | None]) -> None:  # noqa: A002 (its option's name)
    """Write ``values`` in the format that ``add_format`` lets choose. None means: there is none."""
    if format == "json":
        stdout.write(json.dumps(values))
        return
    for key, value in values.items():
        stdout.write(f"{key}: {_('none') if value is None else value}")
