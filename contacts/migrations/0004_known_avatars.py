from django.db import migrations
from django.utils import timezone

BATCH = 1_000  # rows that are locked at once


def make_known_addresses_due(apps, schema_editor):
    contacts = apps.get_model("inquirly_contacts", "Contact").objects.using(schema_editor.connection.alias)
    known = contacts.exclude(avatar_url="").filter(avatar_state="").order_by("pk").values_list("pk", flat=True)
    last = 0
    while numbers := list(known.filter(pk__gt=last)[:BATCH]):
        contacts.filter(pk__in=numbers).update(avatar_state="due", avatar_due_at=timezone.now())
        last = numbers[-1]


class Migration(migrations.Migration):
    atomic = False  # calls go on between the batches; what was done stays, and a second run does the rest

    dependencies = [("inquirly_contacts", "0003_avatars")]

    operations = [migrations.RunPython(make_known_addresses_due, migrations.RunPython.noop, elidable=True)]
