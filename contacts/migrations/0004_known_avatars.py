from django.db import migrations
from django.utils import timezone

BATCH = 1_000  # rows that are locked at once


def make_known_addresses_due(apps, schema_editor):
    contacts = apps.get_model("inquirly_contacts", "Contact").objects
    known = contacts.exclude(avatar_url="").filter(avatar_state="")
    while numbers := list(known.values_list("pk", flat=True)[:BATCH]):
        contacts.filter(pk__in=numbers).update(avatar_state="due", avatar_due_at=timezone.now())


class Migration(migrations.Migration):
    atomic = False  # calls go on between the batches; what was done stays, and a second run does the rest

    dependencies = [("inquirly_contacts", "0003_avatars")]

    operations = [migrations.RunPython(make_known_addresses_due, migrations.RunPython.noop, elidable=True)]
