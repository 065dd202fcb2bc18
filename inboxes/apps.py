from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class InboxesConfig(AppConfig):
    """Tenants and the inboxes through which their contacts arrive."""

    name = "inboxes"
    label = "inquirly_inboxes"
    verbose_name = _("Inquirly: inboxes")
    # Named here, so that a host's own default never asks for migrations in this package.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # they register themselves

        # Told at once: with such versions the views cannot be imported, so that no other check would be heard.
        for message in checks.check_versions(None):
            raise ImproperlyConfigured(f"{message.msg} {message.hint}")

        from . import known
        from .models import Inbox
        from .proxies import with_proxies

        for model in with_proxies(Inbox):
            post_save.connect(known.forget, sender=model)
            post_delete.connect(known.forget, sender=model)
