"""The site for an ASGI server.

Threads come and go there and would leak kept connections: with PostgreSQL, end ``DATABASE_URL`` with
``?pool=true``.
"""

import os

from inboxes.handlers import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inquirly_site.settings")

application = get_asgi_application()
