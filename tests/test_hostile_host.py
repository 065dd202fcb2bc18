"""The tests of the endpoints pass in a host project that has set everything otherwise for its own pages."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = [
    "claims",
    "cors",
    "create_contact",
    "identity",
    "inbox",
    "parser",
    "problems",
    "query_counts",
    "read_contact",
    "sign_in",
    "throttling",
    "update_contact",
]
HOSTS_OWN_PAGES = (
    "tests/test_cors.py::test_other_pages_of_the_project_are_left_alone"  # the host lets any page read them
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own: settings are read once."""
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.hostile_settings"
    environment.setdefault("DATABASE_URL", "sqlite://:memory:")  # leaves no file behind
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_public_api_answers_as_anywhere():
    files = [f"tests/test_{name}.py" for name in TESTS]
    options = ["-n", "0", "-q", "-p", "no:cacheprovider", "--ds", "tests.hostile_settings"]

    done = run("-m", "pytest", *options, "--deselect", HOSTS_OWN_PAGES, *files)

    assert done.returncode == 0, done.stdout


def test_the_host_is_asked_for_no_migrations():
    done = run("manage.py", "makemigrations", "--check", "--dry-run")

    assert done.returncode == 0, done.stdout + done.stderr
