"""The site for a WSGI server: what the API should run under."""

import os

from inboxes.handlers import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inquirly_site.settings")

application = get_wsgi_application()
