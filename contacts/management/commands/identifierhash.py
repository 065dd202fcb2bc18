import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.utils.translation import gettext as _

from contacts.models import Contact
from inboxes.identity import identifier_hash
from inboxes.management.base import InboxCommand, add_format, storable


class Command(InboxCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.description = _(
            "Print the identifier_hash of an identifier: the proof that your server sends along with it. "
            "Compare it with what your own code computes."
        )
        parser.add_argument(
            "identifier",
            metavar="IDENTIFIER",
            help=_("Your own system's id of the person. Write -- before one that begins with a dash."),
        )
        add_format(parser)

    def handle(self, *, inbox: str, identifier: str, format: str, **options: Any) -> None:  # noqa: A002 (its option's name)
        _refuse_invalid(storable(identifier))
        proof = identifier_hash(self.get_inbox(inbox).hmac_token, identifier)
        # As text it stands alone, so that a shell can take it as it is.
        self.stdout.write(json.dumps({"identifier_hash": proof}) if format == "json" else proof)


def _refuse_invalid(identifier: str) -> None:
    """Raise ``CommandError`` for what no call could sign: an empty identifier, or one that calls refuse."""
    if not identifier:
        raise CommandError(_("The identifier is empty."))
    try:
        Contact._meta.get_field("identifier").run_validators(identifier)
    except ValidationError as error:
        raise CommandError("\n".join(error.messages)) from error
