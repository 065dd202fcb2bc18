"""What keeps the project whole: migrations, imports, the wheel, the files themselves."""

import os
import re
import subprocess
import sys
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.writer import MigrationWriter

ROOT = Path(__file__).parent.parent


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def tracked():
    return [ROOT / name for name in run("git", "ls-files").stdout.splitlines()]


def test_migrations_are_complete(db):
    told = StringIO()
    call_command("makemigrations", "--dry-run", stdout=told)

    assert told.getvalue() == "No changes detected\n"


def test_migrations_have_names():
    assert not [path.name for path in ROOT.glob("*/migrations/0*.py") if "auto" in path.name]


def test_migrations_can_be_squashed():
    migrations = MigrationLoader(None).disk_migrations.values()
    ours = [one for one in migrations if one.app_label in ("inquirly_inboxes", "inquirly_contacts")]
    steps = [step for one in ours for step in one.operations if isinstance(step, RunPython)]

    assert steps
    for step in steps:
        for function in (step.code, step.reverse_code):  # each is named in the migration that is written
            assert MigrationWriter.serialize(function)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "."], id="ruff-check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff-format"),
        pytest.param(["mypy"], id="mypy"),
    ],
)
def test_the_code_is_clean(command):
    done = run(sys.executable, "-m", *command)

    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_point_down():
    done = run(str(Path(sys.executable).parent / "lint-imports"))

    assert "0 broken" in done.stdout, done.stdout + done.stderr


def test_the_wheel_holds_the_two_apps_and_their_data(tmp_path):
    # By way of the source distribution: a wheel of this directory would leave what it holds for later ones to pack too.
    done = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), ".")
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("inquirly-*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    apps = run("git", "ls-files", "contacts", "inboxes").stdout.splitlines()
    assert sorted(name for name in names if ".dist-info/" not in name) == sorted(apps)


API_ALONE = """
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="key",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:",
                           "OPTIONS": {"transaction_mode": "IMMEDIATE"}}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "inboxes", "contacts"],
    MIDDLEWARE=["inboxes.middleware.PublicAPIMiddleware"],
    ROOT_URLCONF="contacts.urls",
    ALLOWED_HOSTS=["testserver"],
)
django.setup()
from django.core.management import call_command
from django.test import Client

call_command("migrate", verbosity=0)
call_command("createinbox", "Shop")
from inboxes.models import Inbox

url = f"/inboxes/{Inbox.objects.get().identifier}/contacts"
print(Client().post(url, {"name": "Ada"}, content_type="application/json").json()["name"])
"""


def test_two_apps_of_django_are_all_that_is_needed():
    done = run(sys.executable, "-c", API_ALONE)

    assert done.stdout.splitlines()[-1:] == ["Ada"], done.stderr


def test_a_project_may_have_channels_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "channels").mkdir()
    (tmp_path / "channels" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    done = run(sys.executable, "-c", API_ALONE)

    assert done.stdout.splitlines()[-1:] == ["Ada"], done.stderr


def test_no_file_names_a_package_registry():
    hosts = re.compile(r"(pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(org|com)|deb\.debia[n]\.org)")

    assert not [path.name for path in tracked() if path.suffix != ".png" and hosts.search(path.read_text())]


def test_every_module_states_its_subject():
    modules = [path for path in tracked() if path.suffix == ".py" and path.parts[-2] in ("contacts", "inboxes")]
    usual = {"__init__.py", "apps.py", "models.py", "serializers.py", "views.py", "urls.py", "admin.py"}

    assert modules
    assert not [path.name for path in modules if path.name not in usual and not path.read_text().startswith('"""')]
