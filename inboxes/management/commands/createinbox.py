from argparse import ArgumentParser
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from inboxes.management.base import DatabaseCommand, add_format, storable, write
from inboxes.models import Account, Inbox

DEFAULT_ACCOUNT = "Default"

Row = TypeVar("Row", Account, Inbox)


class Command(DatabaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = _(
            "Make an inbox and print its identifier, which is public, and its hmac_token, which is secret."
        )
        parser.add_argument("name", metavar="NAME", help=_("What the inbox is called, for example Website."))
        parser.add_argument(
            "--account",
            metavar="NAME",
            help=_("The account it belongs to, made if need be. Without: the only one, or one called Default."),
        )
        parser.add_argument(
            "--hmac-mandatory",
            action="store_true",
            help=str(Inbox._meta.get_field("hmac_mandatory").help_text),
        )
        parser.add_argument(
            "--allowed-origin",
            action="append",
            default=[],
            metavar="ORIGIN",
            help=_(
                "An origin whose pages may read the answers, like https://www.example.com: scheme, host, and the port "
                "unless it is the usual one; no path, no slash at the end. May be repeated. Without: any."
            ),
        )
        add_format(parser)

    def handle(self, *, name: str, account: str | None, **options: Any) -> None:
        with transaction.atomic():
            inbox = _saved(
                Inbox(
                    name=storable(name),
                    account=_only_account() if account is None else _account(storable(account)),
                    hmac_mandatory=options["hmac_mandatory"],
                    allowed_origins=[storable(origin) for origin in options["allowed_origin"]],
                )
            )
        write(self.stdout, options["format"], {"identifier": inbox.identifier, "hmac_token": inbox.hmac_token})


def _only_account() -> Account:
    accounts = Account.objects.order_by("pk")[:2]
    if len(accounts) > 1:
        raise CommandError(_("There are several accounts. Name the one that the inbox belongs to with --account."))
    return accounts[0] if accounts else _saved(Account(name=DEFAULT_ACCOUNT))


def _account(name: str) -> Account:
    accounts = Account.objects.filter(name=name).order_by("pk")[:2]
    if len(accounts) > 1:
        raise CommandError(
            _("Several accounts are called “%(name)s”. Rename all but one of them in the admin.") % {"name": name}
        )
    return accounts[0] if accounts else _saved(Account(name=name))


def _saved(row: Row) -> Row:
    """Return ``row``, now stored; raises ``CommandError`` with all that is wrong with it."""
    try:
        row.full_clean()
    except ValidationError as error:
        wrong = [f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
        raise CommandError("\n".join(wrong)) from error
    row.save()
    return row
