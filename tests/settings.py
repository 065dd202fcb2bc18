"""The settings of the site, made quick and repeatable for the tests.

``DATABASE_URL`` and ``REDIS_URL`` of the environment are honoured; else SQLite and cache are in memory.
"""

import os

os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("ALLOWED_HOSTS", "testserver")

from inquirly_site.settings import *  # noqa: F403
from inquirly_site.settings import CACHES

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INQUIRLY_THROTTLE_RATES = {"create": None, "other": None, "failed": None}

# Processes share the Redis of REDIS_URL, but not its keys.
CACHES["default"]["KEY_PREFIX"] = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
# A call that waits too long for Redis is not counted; where tests run, the machine may be slow.
if "OPTIONS" in CACHES["default"]:
    CACHES["default"]["OPTIONS"] |= {"socket_timeout": 10, "socket_connect_timeout": 10}

# Sockets are told within a process; the tests of Redis ask for it.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Static files are looked up when asked for, as nothing has been collected.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
