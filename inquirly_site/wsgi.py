"""The site for a WSGI server: what the API should run under."""

import gc
import os

from django.urls import get_resolver

from inboxes.handlers import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inquirly_site.settings")

application = get_wsgi_application()
_ = get_resolver().url_patterns  # all views are loaded now, and not by the first request

# What is loaded stays, and a request leaves little behind: the garbage collector need not look through both so often.
gc.freeze()
gc.set_threshold(10_000)
