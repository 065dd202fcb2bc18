"""The site for an ASGI server: ``/cable``, the live streams. Pages and calls belong under WSGI.

If pages and calls are served here too, their short-lived threads would leak kept connections to PostgreSQL: then end
``DATABASE_URL`` with ``?pool=true``.
"""

import os

from inboxes.handlers import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inquirly_site.settings")

http = get_asgi_application()

from .sockets import with_sockets  # noqa: E402 (consumers need the settings)

application = with_sockets(http)
