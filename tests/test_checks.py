"""System checks: a wrong set-up is told before a user meets it."""

import json

import django
import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

import inboxes.checks
from contacts import checks, extras
from inboxes import conf
from inboxes.checks import MIDDLEWARE

from .readme import block

# Some of Django's own checks ask the database what it can do.
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _layer_for_processes(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}


def ids(**kwargs):
    return [message.id for message in run_checks(**kwargs) if message.id.startswith("inquirly")]


def test_every_setting_has_a_number_of_its_own():
    assert sorted(inboxes.checks.SETTINGS) == conf.NAMES
    assert len(set(inboxes.checks.SETTINGS.values())) == len(conf.NAMES)


def test_a_right_set_up_has_nothing_to_say(db):
    assert ids(databases=["default"]) == []


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"create": "60"}, "holds '60'"),
        ({"create": "60/week"}, "holds '60/week'"),
        ({"create": "0/min"}, "holds '0/min'"),
        ({"create": 60}, "holds 60"),
        ({"creates": "60/min", 1: "60/min"}, "create, other, failed; not 1, creates."),
        ("60/min", "dictionary"),
    ],
)
def test_misspelt_throttle_rates_are_an_error(settings, rates, message):
    settings.INQUIRLY_THROTTLE_RATES = rates
    (error,) = [one for one in run_checks() if one.id == "inquirly_inboxes.E001"]

    assert error.msg.startswith("INQUIRLY_THROTTLE_RATES")
    assert message in error.msg


@pytest.mark.parametrize("number", ["1", -1, 1.0, True, None])
def test_a_number_of_proxies_that_is_none_is_an_error(settings, number):
    settings.INQUIRLY_TRUSTED_PROXIES = number

    assert ids() == ["inquirly_inboxes.E002"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("INQUIRLY_CABLE_FRAMES_PER_SECOND", "inquirly_inboxes.E003"),
        ("INQUIRLY_CABLE_MAX_FRAME", "inquirly_inboxes.E004"),
        ("INQUIRLY_CABLE_SOCKETS_PER_ADDRESS", "inquirly_inboxes.E005"),
    ],
)
@pytest.mark.parametrize("number", ["20", 0, 1.0, True, None])
def test_a_limit_of_sockets_that_is_no_number_is_an_error(settings, name, error, number):
    setattr(settings, name, number)

    assert ids() == [error]


def test_a_frame_may_be_as_large_as_what_opens_a_stream(settings):
    settings.INQUIRLY_CABLE_MAX_FRAME = 255

    assert ids() == ["inquirly_inboxes.E004"]

    settings.INQUIRLY_CABLE_MAX_FRAME = 256

    assert ids() == []


def test_rates_that_are_left_out_keep_their_defaults(settings):
    settings.INQUIRLY_THROTTLE_RATES = {"create": "5/hour", "failed": None}

    assert conf.conf.INQUIRLY_THROTTLE_RATES == {"create": (5, 3600), "other": (600, 60), "failed": None}


def test_without_settings_the_defaults_hold(settings):
    del settings.INQUIRLY_THROTTLE_RATES

    assert conf.conf.INQUIRLY_THROTTLE_RATES == {"create": (60, 60), "other": (600, 60), "failed": (30, 60)}
    assert conf.conf.INQUIRLY_TRUSTED_PROXIES == 0
    assert conf.conf.INQUIRLY_CABLE_FRAMES_PER_SECOND == 20
    assert conf.conf.INQUIRLY_CABLE_MAX_FRAME == 8192
    assert conf.conf.INQUIRLY_CABLE_SOCKETS_PER_ADDRESS == 1000


def test_the_middleware_has_to_be_there(settings):
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if one != MIDDLEWARE]

    assert ids() == ["inquirly_inboxes.E010"]


def test_the_middleware_has_to_be_first(settings):
    settings.MIDDLEWARE = [*(one for one in settings.MIDDLEWARE if one != MIDDLEWARE), MIDDLEWARE]

    assert ids() == ["inquirly_inboxes.W010"]


@pytest.mark.parametrize(
    ("framework", "version", "expected"),
    [
        ((6, 1, 0), "3.17.2", ["inquirly_inboxes.E011"]),
        ((6, 1, 0), "3.18.0", []),
        ((7, 0, 0), "3.9", ["inquirly_inboxes.E011"]),
        ((5, 2, 0), "3.16.0", []),
    ],
)
def test_an_old_rest_framework_on_a_new_django_is_an_error(monkeypatch, framework, version, expected):
    monkeypatch.setattr(django, "VERSION", framework)
    monkeypatch.setattr(inboxes.checks, "version", lambda name: version)

    assert ids(tags=["compatibility"]) == expected


@pytest.mark.skipif(connection.vendor != "sqlite", reason="says something of SQLite only")
def test_sqlite_has_to_begin_its_transactions_at_once(db, monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", None)

    assert ids(databases=["default"], tags=["database"]) == ["inquirly_inboxes.W011"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="says something of SQLite only")
def test_sqlite_may_be_told_so_in_any_case(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "transaction_mode", "immediate")

    assert ids(databases=["default"], tags=["database"]) == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="says something of SQLite only")
def test_what_is_said_of_sqlite_names_all_that_the_readme_sets(monkeypatch):
    monkeypatch.delitem(connection.settings_dict["OPTIONS"], "transaction_mode")
    databases = {"default": {}}
    exec(block("sqlite"), {"DATABASES": databases})

    (warning,) = run_checks(databases=["default"], tags=["database"])

    assert warning.hint == f"Set in DATABASES['default']: {json.dumps(databases['default'])[1:-1]}"


@pytest.mark.parametrize(("seconds", "options"), [(60, {}), (None, {}), (0, {"pool": True})])
def test_kept_connections_have_to_be_checked(db, monkeypatch, seconds, options):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", seconds)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", False)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {**connection.settings_dict["OPTIONS"], **options})
    restarts = connection.vendor == "postgresql"

    assert ids(databases=["default"], tags=["database"]) == ["inquirly_inboxes.W012"] * restarts


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", ["inquirly_inboxes.W013"]),
        ("django.core.cache.backends.db.DatabaseCache", ["inquirly_inboxes.W013"]),
        ("django.core.cache.backends.redis.RedisCache", []),
        ("django.core.cache.backends.memcached.PyMemcacheCache", []),
        ("django_redis.cache.RedisCache", []),
    ],
)
def test_a_cache_that_cannot_count_is_warned_of_on_deployment(settings, monkeypatch, backend, expected):
    settings.INQUIRLY_THROTTLE_RATES = {}
    monkeypatch.setitem(settings.CACHES["default"], "BACKEND", backend)

    assert [one for one in ids(include_deployment_checks=True) if one.startswith("inquirly")] == expected
    assert ids() == []


def test_without_throttle_any_cache_will_do(settings, monkeypatch):
    monkeypatch.setitem(settings.CACHES["default"], "BACKEND", "django.core.cache.backends.locmem.LocMemCache")

    assert ids(include_deployment_checks=True) == []


@pytest.mark.parametrize("caches", [{}, {"other": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}])
def test_without_a_default_cache_nothing_is_said_beside_what_django_says(settings, caches):
    settings.INQUIRLY_THROTTLE_RATES = {}
    settings.CACHES = caches

    told = [message.id for message in run_checks(tags=["caches"], include_deployment_checks=True)]

    assert told == ["caches.E001"]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}, ["inquirly_contacts.W014"]),
        ({"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}, []),
        ({}, []),
    ],
)
def test_a_channel_layer_in_memory_is_warned_of_on_deployment(settings, layers, expected):
    settings.INQUIRLY_THROTTLE_RATES = dict.fromkeys(conf.THROTTLE_RATES)
    settings.CHANNEL_LAYERS = layers

    assert ids(include_deployment_checks=True) == expected
    assert ids() == []


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}, ["inquirly_contacts.W015"]),
        ({}, []),
    ],
)
def test_a_channel_layer_without_channels_is_warned_of_on_deployment(settings, monkeypatch, layers, expected):
    settings.CHANNEL_LAYERS = layers
    monkeypatch.setattr(extras, "are_there", lambda packages: False)

    assert ids(include_deployment_checks=True) == expected
    assert ids() == []


def test_a_channel_layer_that_is_not_there_is_an_error(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisChannelLayers"}}

    (error,) = checks.check_backends(None)
    assert error.id == "inquirly_contacts.E017"
    assert error.msg.startswith("The BACKEND of CHANNEL_LAYERS['default'] cannot be used: Module ")
    assert "RedisChannelLayers" in error.msg
    assert ids() == ["inquirly_contacts.E017"]


@pytest.mark.parametrize("default", [None, {}, {"BACKEN": "channels_redis.core"}])
def test_a_channel_layer_that_names_no_backend_is_an_error(settings, default):
    settings.CHANNEL_LAYERS = {"default": default}

    (error,) = checks.check_backends(None)
    assert (error.id, error.msg) == (
        "inquirly_contacts.E017",
        "The BACKEND of CHANNEL_LAYERS['default'] cannot be used: it is missing.",
    )
    assert checks.check_channel_layer(None) == []


def test_an_error_that_may_tell_a_secret_is_told_by_its_kind_only(settings, monkeypatch):
    def fail(name):
        raise ValueError("redis://user:secret@host")

    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "own.Layer"}}
    monkeypatch.setattr(checks, "import_string", fail)

    (error,) = [one for one in checks.check_backends(None) if one.id == "inquirly_contacts.E017"]
    assert error.msg == "The BACKEND of CHANNEL_LAYERS['default'] cannot be used: ValueError"


@pytest.mark.parametrize("layers", [None, {}, "redis", {"other": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}])
def test_nobody_has_to_have_a_channel_layer(settings, layers):
    settings.CHANNEL_LAYERS = layers

    assert checks.check_backends(None) == []


def test_a_setting_that_is_none_of_ours_is_warned_of(settings):
    settings.INQUIRLY_TRUSTED_PROXY = 1

    (warning,) = [one for one in run_checks() if one.id == "inquirly_inboxes.W018"]
    assert warning.msg == "INQUIRLY_TRUSTED_PROXY is not a setting of Inquirly."
    assert "INQUIRLY_TRUSTED_PROXIES" in warning.hint


def test_a_misspelt_name_hides_nothing_else(settings):
    settings.INQUIRLY_TRUSTED_PROXY = 1
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = True
    settings.DEBUG = False

    assert {"inquirly_contacts.E016", "inquirly_inboxes.W018"} <= {*ids(include_deployment_checks=True)}


def test_versions_that_do_not_fit_stop_the_start(monkeypatch):
    monkeypatch.setattr(django, "VERSION", (6, 1, 0))
    monkeypatch.setattr(inboxes.checks, "version", lambda name: "3.17.2")
    with pytest.raises(ImproperlyConfigured, match=r"3\.17\.2 does not run on this Django.*pip install"):
        apps.get_app_config("inquirly_inboxes").ready()


def test_with_a_misspelt_rate_the_checks_for_deployment_go_on(settings):
    settings.INQUIRLY_THROTTLE_RATES = {"create": "9" * 5000 + "/min"}

    assert ids(include_deployment_checks=True) == ["inquirly_inboxes.E001"]


@pytest.mark.parametrize("router", ["Elsewhere", "Replica"])
def test_another_database_than_the_default_is_an_error(settings, router):
    settings.DATABASE_ROUTERS = [f"tests.test_checks.{router}"]

    assert ids(databases=["default"], tags=["database"]) == ["inquirly_inboxes.E012"]


def test_a_router_that_makes_no_tables_is_told_of(settings):
    settings.DATABASE_ROUTERS = ["tests.test_checks.OthersOnly"]

    assert ids(databases=["default"], tags=["database"]) == ["inquirly_inboxes.W019"]


class OthersOnly:
    def allow_migrate(self, db, app_label, **hints):
        return app_label in ("auth", "contenttypes")


class Elsewhere:
    def db_for_write(self, model, **hints):
        return "elsewhere"


class Replica:
    def db_for_read(self, model, **hints):
        return "replica" if model._meta.label == "inquirly_contacts.Contact" else None


def test_a_database_that_may_fold_identifiers_is_an_error(db, monkeypatch):
    monkeypatch.setattr(inboxes.checks, "DATABASES", ())

    assert ids(databases=["default"], tags=["database"]) == ["inquirly_inboxes.E013"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="It is a check of SQLite")
def test_a_sqlite_that_returns_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(connection.Database, "sqlite_version_info", (3, 34, 1))

    assert ids(databases=["default"], tags=["database"]) == ["inquirly_inboxes.E014"]
