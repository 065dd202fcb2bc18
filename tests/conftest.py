import os
from collections.abc import Iterator
from itertools import chain

import pytest
import redis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings

from contacts import at_once, identify, sessions
from contacts.compiled import CompiledQuery
from contacts.models import ContactInbox
from inboxes import known, throttling
from inboxes.cache_breaker import CacheBreaker
from inboxes.models import Inbox

from .factories import ContactFactory, ContactInboxFactory, InboxFactory
from .picture_server import PictureServer, serving

# Machines are noisy: how long an example takes says nothing of the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


MADE = [vars(module).values() for module in (at_once, identify, sessions)]
COMPILED = [value for value in chain.from_iterable(MADE) if isinstance(value, CompiledQuery)]


@pytest.fixture(scope="session")
def _redis_client() -> Iterator[redis.Redis | None]:
    if url := os.environ.get("REDIS_URL"):
        with redis.Redis.from_url(url) as client:
            yield client
    else:
        yield None


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch, _redis_client):
    if _redis_client:  # cache.clear() would empty it for other processes too, and for its owner
        for key in _redis_client.scan_iter(f"{cache.key_prefix}:*"):
            _redis_client.delete(key)
    else:
        cache.clear()
    known.clear()
    if "MUTANT_UNDER_TEST" in os.environ:  # what is made once was made before the rules were changed
        for query in COMPILED:
            vars(query).pop("_compiled", None)
    monkeypatch.setattr(throttling, "_used_up", set())
    monkeypatch.setattr(throttling, "_breaker", CacheBreaker())


@pytest.fixture
def inbox(db) -> Inbox:
    return InboxFactory()


@pytest.fixture
def visitor(inbox) -> ContactInbox:
    """The session of somebody unknown."""
    return ContactInboxFactory(inbox=inbox)


@pytest.fixture
def customer(inbox) -> ContactInbox:
    """The session of a verified contact, opened by a signed request."""
    contact = ContactFactory(
        account=inbox.account,
        identifier="user-7",
        name="Ada",
        email="ada@example.com",
        phone_number="+12025550123",
    )
    return ContactInboxFactory(inbox=inbox, contact=contact, hmac_verified=True)


@pytest.fixture
def _one_connection(db):
    """Keep the connection, and with it the transaction of the test, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def picture_server(settings, tmp_path) -> Iterator[PictureServer]:
    """A server of pictures on loopback, which is allowed; what is fetched goes to a directory of the test."""
    settings.INQUIRLY_AVATAR_ALLOW_LOOPBACK = True
    settings.MEDIA_ROOT = tmp_path
    with serving() as server:
        yield server
