from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    """Contacts, and the sessions in which they were met."""

    name = "contacts"
    label = "inquirly_contacts"
    verbose_name = _("Inquirly: contacts")
    # Named here, so that a host's own default never asks for migrations in this package.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import avatar_receivers, checks, extras, signals  # noqa: F401 (checks register themselves)

        signals.connect()
        avatar_receivers.connect()
        if extras.are_there(extras.REALTIME):  # without it there are no sockets to tell
            from . import realtime

            realtime.connect()
