from django.db import migrations, models


def streamed(*, default):
    return models.BooleanField(
        db_default=default,
        default=default,
        editable=False,
        help_text="Whether a socket has ever opened it: only these are told of changes.",
        verbose_name="streamed",
    )


class Migration(migrations.Migration):
    dependencies = [("inquirly_contacts", "0004_known_avatars")]

    operations = [
        # Of the sessions that are there already, any may have a socket.
        migrations.AddField("contactinbox", "streamed", streamed(default=True)),
        migrations.AlterField("contactinbox", "streamed", streamed(default=False)),
    ]
