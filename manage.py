#!/usr/bin/env python
"""Run an administrative task of the ready-made site."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inquirly_site.settings")
    # A fresh clone has no environment at all. Who has set a SECRET_KEY may mean production, and says so.
    if sys.argv[1:2] == ["quickstart"] and not os.environ.get("SECRET_KEY"):
        os.environ.setdefault("DJANGO_DEBUG", "true")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
