from django.db import migrations


def leave_room(apps, schema_editor):
    alter(apps, schema_editor, "SET (fillfactor = 90)")


def leave_none(apps, schema_editor):
    alter(apps, schema_editor, "RESET (fillfactor)")


def alter(apps, schema_editor, action):
    if schema_editor.connection.vendor != "postgresql":
        return
    for model in ("Contact", "ContactInbox"):
        table = schema_editor.quote_name(apps.get_model("inquirly_contacts", model)._meta.db_table)
        schema_editor.execute(f"ALTER TABLE {table} {action}")


class Migration(migrations.Migration):
    """A tenth of each new page stays free: a row that is changed stays on its page, and no index has to be told."""

    dependencies = [("inquirly_contacts", "0006_streamed_sessions_index")]

    # Calls go on meanwhile: nothing is written anew.
    operations = [migrations.RunPython(leave_room, leave_none)]
