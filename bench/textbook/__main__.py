"""Make the tables, an inbox, and the contact of which all others are copies."""

import django

django.setup()

from django.core.management import call_command  # noqa: E402 (models need the line above)

from bench.calls import HMAC_TOKEN, INBOX  # noqa: E402

from .models import Contact, ContactInbox, Inbox  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
inbox = Inbox.objects.create(account_id=1, name="Bench", identifier=INBOX, hmac_token=HMAC_TOKEN)
contact = Contact.objects.create(account_id=1, identifier="user-1", name="Ada Lovelace")
ContactInbox.objects.create(inbox=inbox, contact=contact, hmac_verified=True)
