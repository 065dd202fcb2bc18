from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from inboxes.conf import NAMES, conf


class SiteConfig(AppConfig):
    """The ready-made site around the API: pages, documentation, quickstart."""

    name = "inquirly_site"
    verbose_name = _("Inquirly: site")

    def ready(self) -> None:
        # Reading a setting checks it. Servers run no system checks, and the first call would be too late.
        for name in NAMES:
            getattr(conf, name)
