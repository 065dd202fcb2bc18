"""The environment as an operator writes it, and what is said of a slip."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from inboxes.conf import NAMES
from inquirly_site import environment

from .shell import Shell

ROOT = Path(__file__).parent.parent
VARIABLES = {"DJANGO_DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL"}
DEFAULT = Path("/srv/db.sqlite3")
DATABASE = "DATABASE_URL must be like postgres://user:password@host:5432/name or sqlite:////path/to/file."
NO_KEY = "SECRET_KEY must be set to a long random text. On your own machine, set DJANGO_DEBUG=true instead."
NO_HOSTS = (
    "ALLOWED_HOSTS must be set to the host names of the site, separated by commas. "
    "On your own machine, set DJANGO_DEBUG=true instead."
)
REDIS = "REDIS_URL must be like redis://host:6379/0, rediss://… or unix://…."


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for name in [*os.environ]:
        if name.startswith("INQUIRLY_") or name in VARIABLES:
            monkeypatch.delenv(name)


def read_all():
    environment.debug()
    environment.database(DEFAULT)
    environment.cache()
    environment.channel_layer()
    environment.inquirly()


@pytest.mark.parametrize(
    ("value", "debug"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("FALSE", False), ("0", False), ("", False)],
)
def test_debug_is_read(monkeypatch, value, debug):
    monkeypatch.setenv("DJANGO_DEBUG", value)

    assert environment.debug() is debug


def test_debug_is_off_unless_asked_for():
    assert environment.debug() is False


def test_a_secret_key_is_needed_outside_debug(monkeypatch):
    with pytest.raises(ImproperlyConfigured) as raised:
        environment.secret_key(debug=False)

    assert str(raised.value) == NO_KEY

    monkeypatch.setenv("SECRET_KEY", "a long random text")

    assert environment.secret_key(debug=False) == "a long random text"


def test_hosts_are_needed_outside_debug():
    with pytest.raises(ImproperlyConfigured) as raised:
        environment.allowed_hosts(debug=False)

    assert str(raised.value) == NO_HOSTS


def test_a_secret_key_that_a_shell_was_to_make_is_refused(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "$(python3 -c 'import secrets; print(secrets.token_urlsafe(50))')")

    with pytest.raises(ImproperlyConfigured, match="no shell has run"):
        environment.secret_key(debug=False)


def test_a_secret_key_may_hold_what_else_means_a_command(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "7u@9am9$(8=769koeh(8f!+-sj7_fi79wa0a*aj&6u)_k4^$(q2")

    assert environment.secret_key(debug=False) == "7u@9am9$(8=769koeh(8f!+-sj7_fi79wa0a*aj&6u)_k4^$(q2"


def test_debug_needs_neither_a_secret_key_nor_hosts():
    assert environment.secret_key(debug=True)
    assert environment.allowed_hosts(debug=True) == []


def test_hosts_are_parted_by_commas(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "Example.com, .example.org,127.0.0.1,[::1],*,")

    assert environment.allowed_hosts(debug=False) == ["example.com", ".example.org", "127.0.0.1", "[::1]", "*"]


def test_sqlite_is_the_default_and_lets_writers_wait_for_each_other():
    database = environment.database(DEFAULT)

    assert (database["ENGINE"], database["NAME"]) == ("django.db.backends.sqlite3", "/srv/db.sqlite3")
    assert database["OPTIONS"] == {
        "init_command": "PRAGMA journal_mode=WAL",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }


def test_connections_to_postgresql_are_kept_and_looked_after(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me:p%40ss@db.example:5433/inquirly?sslmode=require")
    database = environment.database(DEFAULT)

    assert {name: database[name] for name in ("ENGINE", "USER", "PASSWORD", "HOST", "PORT", "NAME")} == {
        "ENGINE": "inquirly_site.postgresql",
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": 5433,
        "NAME": "inquirly",
    }
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (600, True)
    assert database["OPTIONS"] == {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "tcp_user_timeout": 10_000,
        "server_side_binding": True,
        "prepare_threshold": 2,
        "sslmode": "require",
    }


def test_what_the_url_says_of_timeouts_goes_before_the_defaults(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me@db.example/inquirly?connect_timeout=-1&tcp_user_timeout=500")
    options = environment.database(DEFAULT)["OPTIONS"]

    assert (options["connect_timeout"], options["tcp_user_timeout"]) == ("-1", 500)


def test_behind_a_pooler_no_statement_is_prepared_and_no_cursor_is_left_on_the_server(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me@db.example/inquirly?server_side_binding=false")
    database = environment.database(DEFAULT)

    assert database["OPTIONS"]["server_side_binding"] is False
    assert database["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_without_a_pooler_long_lists_are_read_through_a_cursor_on_the_server(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me@db.example/inquirly")

    assert environment.database(DEFAULT)["DISABLE_SERVER_SIDE_CURSORS"] is False


def test_a_pool_keeps_the_connections_itself(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me@db.example/inquirly?pool=true")
    database = environment.database(DEFAULT)

    assert (database["CONN_MAX_AGE"], database["OPTIONS"]["pool"]) == (0, {"timeout": 5})


@pytest.mark.parametrize(
    "options",
    [
        "sslmod=require",
        "pool=1",
        "prepare_threshold=none",
        "connect_timeout=abc",
        "server_side_binding=0",
        "isolation_level=x",
        "sslmode=require&sslmode=disable",
        "a%20b=c",
    ],
)
def test_an_option_that_no_connection_takes_stops_the_start(monkeypatch, options):
    monkeypatch.setenv("DATABASE_URL", f"postgres://me:secret@db.example/inquirly?{options}")

    with pytest.raises(ImproperlyConfigured) as raised:
        environment.database(DEFAULT)

    assert str(raised.value) == (
        "DATABASE_URL must end with the name, or with options of PostgreSQL like ?sslmode=require, ?pool=true or "
        "?server_side_binding=false."
    )


def test_the_cache_is_in_memory_without_redis(monkeypatch):
    assert environment.cache() == {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def test_a_redis_that_never_answers_does_not_hold_the_calls(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        cache = environment.cache()
        start = time.monotonic()
        with pytest.raises(RedisTimeoutError):
            RedisCache(cache["LOCATION"], {"OPTIONS": cache["OPTIONS"]}).get("key")

    assert time.monotonic() - start < 2


def test_a_password_of_redis_may_hold_what_parts_addresses(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://:a,b;c@127.0.0.1:1/0")
    cache = environment.cache()

    with pytest.raises(RedisConnectionError):  # it knows where to go, and nobody is there
        RedisCache(cache["LOCATION"], {"OPTIONS": cache["OPTIONS"]}).get("key")


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1", "redis://127.0.0.1/", "rediss://127.0.0.1:6380/2", "unix:///run/redis.sock?db=2"]
)
def test_an_address_of_redis_is_taken_as_it_is(monkeypatch, url):
    monkeypatch.setenv("REDIS_URL", url)

    assert environment.redis_url() == url


def test_what_is_not_used_is_not_loaded(tmp_path):
    show = "import sys, inquirly_site.settings; print([*{'psycopg', 'redis'}.intersection(sys.modules)])"

    loaded = Shell(tmp_path, {"DJANGO_DEBUG": "true", "PYTHONPATH": str(ROOT)}).run(f'python -c "{show}"')

    assert loaded == "[]\n"


def test_sockets_are_told_within_the_process_without_redis():
    assert environment.channel_layer() == {"BACKEND": "channels.layers.InMemoryChannelLayer"}


def test_sockets_are_told_through_redis_and_a_redis_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://redis.example.com:6379/0")
    layer = environment.channel_layer()
    (host,) = layer["CONFIG"]["hosts"]

    assert layer["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert host["address"] == "redis://redis.example.com:6379/0"
    assert (host["socket_timeout"], host["socket_connect_timeout"], host["retry"].get_retries()) == (1, 1, 1)


def test_settings_are_written_as_json(monkeypatch):
    monkeypatch.setenv("INQUIRLY_TRUSTED_PROXIES", "2")
    monkeypatch.setenv("INQUIRLY_THROTTLE_RATES", '{"create": null}')

    assert environment.inquirly() == {
        "INQUIRLY_TRUSTED_PROXIES": 2,
        "INQUIRLY_THROTTLE_RATES": {"create": None},
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("INQUIRLY_SERVICE_HOST", "10.0.0.7"),
        ("INQUIRLY_SERVICE_PORT", "8000"),
        ("INQUIRLY_SERVICE_PORT_HTTP", "8000"),
        ("INQUIRLY_PORT", "tcp://10.0.0.7:8000"),
        ("INQUIRLY_PORT_8000_TCP", "tcp://10.0.0.7:8000"),
        ("INQUIRLY_PORT_8000_TCP_ADDR", "10.0.0.7"),
        ("INQUIRLY_CABLE_SERVICE_HOST", "10.0.0.8"),
        ("INQUIRLY_CABLE_PORT_8001_TCP_PROTO", "tcp"),
    ],
)
def test_what_kubernetes_says_of_a_service_of_that_name_is_no_setting(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)

    assert environment.inquirly() == {}


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DJANGO_DEBUG", "ture", "DJANGO_DEBUG must be true or false (or 1 or 0), not 'ture'."),
        ("DATABASE_URL", "nonsense", DATABASE),
        ("DATABASE_URL", "mysql://me@db.example/inquirly", DATABASE),
        ("DATABASE_URL", "postgres://me@db.example", DATABASE),
        ("DATABASE_URL", "postgres://me:pass/word@db.example:port/inquirly", DATABASE),
        ("REDIS_URL", "127.0.0.1:6379", REDIS),
        ("REDIS_URL", "http://127.0.0.1:6379", REDIS),
        ("REDIS_URL", "redis://127.0.0.1:6379/one", REDIS),
        ("REDIS_URL", "redis://127.0.0.1:6379/0?ssl=true", REDIS),
        ("REDIS_URL", "redis://127.0.0.1/0,redis://127.0.0.2/0", REDIS),
        (
            "INQUIRLY_TRUSTED_PROXIES",
            "two",
            "INQUIRLY_TRUSTED_PROXIES must be JSON (with null for None), and 'two' is not.",
        ),
        (
            "INQUIRLY_CABLE_PORT",
            "8001",
            f"INQUIRLY_CABLE_PORT is not a setting of Inquirly. There are: {', '.join(NAMES)}.",
        ),
        (
            "INQUIRLY_TRUSTED_PROXY",
            "2",
            f"INQUIRLY_TRUSTED_PROXY is not a setting of Inquirly. There are: {', '.join(NAMES)}.",
        ),
    ],
)
def test_a_slip_is_told_in_a_sentence_that_names_the_variable(monkeypatch, variable, value, sentence):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ImproperlyConfigured) as raised:
        read_all()

    assert str(raised.value) == sentence


@pytest.mark.parametrize("host", ["https://example.com", "example.com:8000", "exa mple.com", "*.example.com"])
def test_a_host_is_a_name_and_nothing_else(monkeypatch, host):
    monkeypatch.setenv("ALLOWED_HOSTS", f"example.org,{host}")

    with pytest.raises(ImproperlyConfigured, match=r"^ALLOWED_HOSTS must be host names") as raised:
        environment.allowed_hosts(debug=False)

    assert str(raised.value).endswith(f"not {host!r}.")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        pytest.param({}, NO_KEY, id="no-key"),
        pytest.param({"SECRET_KEY": "key"}, NO_HOSTS, id="no-hosts"),
        pytest.param(
            {"DJANGO_DEBUG": "true", "INQUIRLY_TRUSTED_PROXIES": "-1"},
            "INQUIRLY_TRUSTED_PROXIES has to be a whole number: how many proxies stand before the site.",
            id="impossible-value",
        ),
    ],
)
@pytest.mark.parametrize("start", [["manage.py", "check"], ["-c", "import inquirly_site.wsgi"]], ids=["manage", "wsgi"])
def test_the_start_stops_with_the_sentence(start, variables, sentence):
    done = subprocess.run([sys.executable, *start], cwd=ROOT, env=variables, capture_output=True, text=True)

    assert done.returncode != 0
    assert (
        done.stderr.strip().splitlines()[-1].removeprefix("django.core.exceptions.ImproperlyConfigured: ") == sentence
    )


def test_the_deploy_check_has_nothing_to_say():
    variables = {
        "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS",
        "ALLOWED_HOSTS": "example.com",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
