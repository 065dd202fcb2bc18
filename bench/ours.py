"""Our site in this process: its tables, and the contact of which all others are copies."""

from django.core.management import call_command

from contacts import identify
from inboxes.models import Account, Inbox

from .calls import HMAC_TOKEN, INBOX, ORIGIN
from .database import TEMPLATE


def prepare() -> None:
    call_command("migrate", verbosity=0)
    inbox = Inbox.objects.create(
        account=Account.objects.create(name="Bench"),
        name="Bench",
        identifier=INBOX,
        hmac_token=HMAC_TOKEN,
        allowed_origins=[ORIGIN],
    )
    identify.create(inbox, {"identifier": f"user-{TEMPLATE}", "name": "Ada Lovelace"}, signed=True)
