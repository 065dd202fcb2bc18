"""A project of a host's own: an app with models, and code that runs there, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SET_UP = """
import django
django.setup()

from django.core.management import call_command

call_command("makemigrations", "{app}", verbosity=0)
call_command("migrate", verbosity=0)
"""


def run_in_a_project(directory: Path, app: str, models: str, code: str) -> str:
    """Return what ``code`` prints where ``app`` has these models; code that fails, fails the test."""
    (directory / app).mkdir()
    (directory / app / "models.py").write_text(models)
    settings = f"from inquirly_site.settings import *\nINSTALLED_APPS += ['{app}']\n"
    (directory / app / "settings.py").write_text(settings)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "REDIS_URL"},
        "DJANGO_SETTINGS_MODULE": f"{app}.settings",
        "DJANGO_DEBUG": "true",
        "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
        "MEDIA_ROOT": str(directory / "media"),
        "PYTHONPATH": f"{directory}:{ROOT}",
    }
    command = [sys.executable, "-c", SET_UP.format(app=app) + code]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
