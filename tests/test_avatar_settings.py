"""What may be set of pictures, and what the checks tell of it."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.utils import ConnectionDoesNotExist

from contacts import avatar_receivers, avatars, checks, extras
from contacts.models import Contact
from contacts.signals import contact_created
from inboxes.conf import conf
from inquirly_site import environment

OURS = {"inquirly_inboxes.E006", "inquirly_contacts.E016", "inquirly_contacts.W016"}


def ids(**kwargs):
    return [one.id for one in run_checks(**kwargs) if one.id in OURS]


@pytest.mark.parametrize("value", [1, "true", None])
def test_whether_loopback_is_allowed_is_true_or_false(settings, value):
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = value

    assert ids() == ["inquirly_inboxes.E006"]
    assert ids(include_deployment_checks=True) == ["inquirly_inboxes.E006"]
    with pytest.raises(ImproperlyConfigured, match="INQUIRLY_AVATAR_ALLOW_LOOPBACK has to be True or False"):
        assert conf.INQUIRLY_AVATAR_ALLOW_LOOPBACK


def test_loopback_is_not_allowed_unless_somebody_does():
    assert conf.INQUIRLY_AVATAR_ALLOW_LOOPBACK is False


@pytest.mark.parametrize(
    ("debug", "allowed", "expected"),
    [(False, True, ["inquirly_contacts.E016"]), (False, False, []), (True, True, []), (True, False, [])],
)
def test_loopback_outside_debug_is_refused_on_deployment(settings, debug, allowed, expected):
    settings.DEBUG = debug
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = allowed

    assert ids(include_deployment_checks=True) == expected
    assert ids() == []


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ({"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}, []),
        ({"default": {"BACKEND": "django_tasks_rq.RQBackend"}}, []),
        ({"default": {"BACKEND": f"{extras.TASKS}.backends.immediate.ImmediateBackend"}}, ["inquirly_contacts.W016"]),
        ({"default": {"BACKEND": f"{extras.TASKS}.backends.dummy.DummyBackend"}}, ["inquirly_contacts.W016"]),
        ({"default": {}}, ["inquirly_contacts.W016"]),
        ({}, ["inquirly_contacts.W016"]),
        ({"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}, []),
        ({"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["pictures", "default"]}}, []),
        ({"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["mail"]}}, ["inquirly_contacts.W017"]),
        ({"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": "default"}}, ["inquirly_contacts.W017"]),
    ],
)
def test_tasks_without_workers_are_warned_of_on_deployment(settings, tasks, expected):
    settings.TASKS = tasks

    assert [one.id for one in checks.check_tasks(None)] == expected


def test_without_the_extra_nobody_has_to_work(settings, monkeypatch):
    settings.TASKS = {}
    monkeypatch.setattr(extras, "are_there", lambda packages: False)

    assert checks.check_tasks(None) == []


def test_tasks_that_are_not_there_are_an_error(settings):
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackends"}}

    (error,) = checks.check_backends(None)
    assert error.id == "inquirly_contacts.E018"
    assert error.msg.startswith("The BACKEND of TASKS['default'] cannot be used: Module ")
    assert "DatabaseBackends" in error.msg


def test_tasks_without_their_app_are_an_error(settings):
    settings.INSTALLED_APPS = [one for one in settings.INSTALLED_APPS if one != "django_tasks_db"]

    (error,) = checks.check_backends(None)
    assert error.id == "inquirly_contacts.E018"
    assert error.msg == "The BACKEND of TASKS['default'] cannot be used: the app django_tasks_db is not installed."
    assert "INSTALLED_APPS" in error.hint


@pytest.mark.parametrize("tasks", [["nightly"], {"mail": {"BACKEND": "nothing.OfThisName"}}, None])
def test_tasks_of_another_kind_are_the_projects_own(settings, tasks):
    settings.TASKS = tasks

    assert checks.check_backends(None) == []


@pytest.mark.parametrize("default", [None, {}, {"BACKND": "nothing.OfThisName"}])
def test_tasks_that_name_no_backend_are_an_error(settings, default):
    settings.TASKS = {"default": default}

    assert [one.id for one in checks.check_backends(None)] == ["inquirly_contacts.E018"]
    assert [one.id for one in checks.check_tasks(None)] == ["inquirly_contacts.W016"]


@pytest.mark.parametrize("tasks", [None, ["nightly"], {"default": {"BACKEND": "nothing.OfThisName"}}])
def test_without_the_extra_no_tasks_have_to_be_there(settings, monkeypatch, tasks):
    settings.TASKS = tasks
    monkeypatch.setattr(extras, "are_there", lambda packages: False)

    assert checks.check_backends(None) == []


def test_without_the_extra_nobody_listens_when_contacts_are_created(monkeypatch):
    contact_created.disconnect(avatar_receivers._created, sender=Contact)
    with monkeypatch.context() as missing:
        missing.setattr(extras, "are_there", lambda packages: False)
        avatar_receivers.connect()
        assert not contact_created.disconnect(avatar_receivers._created, sender=Contact)

    avatar_receivers.connect()
    assert contact_created.has_listeners(Contact)


def test_addresses_that_are_there_before_pictures_are_become_due(db, monkeypatch):
    apps = MigrationLoader(connection).project_state(("inquirly_contacts", "0004_known_avatars")).apps
    account = apps.get_model("inquirly_inboxes", "Account").objects.create(name="Shop")
    contacts = apps.get_model("inquirly_contacts", "Contact").objects
    contacts.create(account=account, avatar_url="http://example.com/a.png")
    contacts.create(account=account, avatar_url="http://example.com/b.png")
    contacts.create(account=account)
    migration = import_module("contacts.migrations.0004_known_avatars")
    monkeypatch.setattr(migration, "BATCH", 1)

    migration.make_known_addresses_due(apps, connection.schema_editor())
    with pytest.raises(ConnectionDoesNotExist, match="another"):
        migration.make_known_addresses_due(apps, SimpleNamespace(connection=SimpleNamespace(alias="another")))

    assert set(avatars.due().values_list("avatar_url", "avatar_state")) == {
        ("http://example.com/a.png", "due"),
        ("http://example.com/b.png", "due"),
    }


def test_pictures_are_stored_beside_the_site_unless_the_environment_says_where(monkeypatch):
    monkeypatch.delenv("MEDIA_ROOT", raising=False)
    assert environment.media_root(Path("/site/media")) == Path("/site/media")

    monkeypatch.setenv("MEDIA_ROOT", "/srv/pictures")
    assert environment.media_root(Path("/site/media")) == Path("/srv/pictures")


@pytest.mark.parametrize("path", ["pictures", "./media", "~/media"])
def test_a_directory_that_depends_on_where_the_site_is_started_is_refused(monkeypatch, path):
    monkeypatch.setenv("MEDIA_ROOT", path)

    with pytest.raises(ImproperlyConfigured, match="MEDIA_ROOT must be the whole path of a directory"):
        environment.media_root(Path("/site/media"))
