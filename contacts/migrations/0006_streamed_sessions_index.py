from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """By itself: while the index is made, calls can read."""

    dependencies = [("inquirly_contacts", "0005_streamed_sessions")]

    operations = [
        migrations.AddIndex(
            "contactinbox",
            models.Index(fields=["contact", "id"], condition=Q(streamed=True), name="inquirly_session_streamed"),
        ),
    ]
