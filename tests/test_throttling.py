"""How often one address may call one inbox."""

from types import SimpleNamespace

import pytest
from django.core.cache import cache

from inboxes import throttling
from inboxes.throttling import client_address

from .api import INBOXES, contact_url, create_contact, problem, read_contact, signed, stored, update_contact
from .factories import ContactInboxFactory, InboxFactory


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time stands still, 20 seconds into a minute."""
    clock = SimpleNamespace(time=lambda: 1_800_000_020)
    monkeypatch.setattr(throttling, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def rates(settings):
    settings.INQUIRLY_THROTTLE_RATES = {"create": "2/min", "other": "3/min", "failed": "2/min"}
    return settings.INQUIRLY_THROTTLE_RATES


def statuses(call, times):
    return [call().status_code for _ in range(times)]


def test_creates_are_counted(client, inbox):
    assert statuses(lambda: create_contact(client, inbox), 4) == [200, 200, 429, 429]


def test_a_throttled_call_is_told_when_to_come_back_and_stores_nothing(client, inbox):
    statuses(lambda: create_contact(client, inbox), 2)
    before = stored()
    response = create_contact(client, inbox)

    assert response.status_code == 429
    assert response["Retry-After"] == "40"
    assert response.json() == problem(429)
    assert stored() == before


def test_the_next_minute_starts_anew(client, inbox, clock):
    statuses(lambda: create_contact(client, inbox), 3)
    clock.time = lambda: 1_800_000_060

    assert create_contact(client, inbox).status_code == 200


def test_all_other_calls_are_counted_together(client, inbox, visitor):
    calls = [
        client.get(f"{INBOXES}/{inbox.identifier}"),
        read_contact(client, visitor),
        update_contact(client, visitor),
        client.put(contact_url(visitor), {}, content_type="application/json"),
        create_contact(client, inbox),
    ]

    assert [call.status_code for call in calls] == [200, 200, 200, 429, 200]


def test_refused_calls_count_too(client, inbox):
    assert statuses(lambda: create_contact(client, inbox, name=7), 3) == [422, 422, 429]


def test_each_inbox_counts_for_itself(client, inbox):
    statuses(lambda: create_contact(client, inbox), 3)

    assert create_contact(client, InboxFactory()).status_code == 200


def test_each_address_counts_for_itself(client, inbox):
    statuses(lambda: create_contact(client, inbox), 3)
    client.defaults["REMOTE_ADDR"] = "192.0.2.7"

    assert create_contact(client, inbox).status_code == 200


def test_failed_hashes_are_counted_and_then_no_hash_is_looked_at(client, inbox, visitor, rates):
    rates.update(create=None, other=None)
    wrong = {"identifier": "user-7", "identifier_hash": "0" * 64}

    assert statuses(lambda: create_contact(client, inbox, **wrong), 3) == [401, 401, 429]
    refused = create_contact(client, inbox, **signed(inbox, "user-7"))
    assert (refused.status_code, refused["Retry-After"]) == (429, "40")
    assert read_contact(client, visitor, **wrong).status_code == 429
    assert create_contact(client, inbox).status_code == 200
    assert create_contact(client, InboxFactory(account=inbox.account), **wrong).status_code == 401


def test_right_hashes_are_not_counted_as_failed(client, inbox, rates):
    rates.update(create=None)

    assert statuses(lambda: create_contact(client, inbox, **signed(inbox, "user-7")), 5) == [200] * 5


def test_failures_at_the_same_moment_do_not_pass_the_limit(client, inbox, rates, monkeypatch):
    rates.update(create=None)
    monkeypatch.setattr(throttling, "check", lambda *args: None)  # all have looked before the first was counted

    answers = [create_contact(client, inbox, identifier="x", identifier_hash="0") for _time in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[-1]["Retry-After"] == "40"


def test_null_switches_a_rate_off(client, inbox, rates):
    rates.update(create=None)

    assert statuses(lambda: create_contact(client, inbox), 10) == [200] * 10


class AwayCache:
    def __getattr__(self, name):
        raise ConnectionError("redis://:password@cache")


def test_without_cache_calls_are_served(client, inbox, monkeypatch, caplog):
    monkeypatch.setattr(throttling, "cache", AwayCache())

    assert statuses(lambda: create_contact(client, inbox), 5) == [200] * 5
    assert create_contact(client, inbox, identifier="x", identifier_hash="0").status_code == 401
    assert "Calls are not counted" in caplog.text
    assert "password" not in caplog.text


def test_a_key_that_ends_while_it_is_counted_counts_as_the_first(inbox, monkeypatch, rf):
    monkeypatch.setattr(cache, "add", lambda *args, **kwargs: False)

    assert throttling.count("create", rf.get("/"), inbox.identifier) is None


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "address"),
    [
        pytest.param("192.0.2.1", None, 0, "192.0.2.1", id="direct"),
        pytest.param("192.0.2.1", "198.51.100.9", 0, "192.0.2.1", id="spoofed"),
        pytest.param("192.0.2.1", "198.51.100.9", 1, "198.51.100.9", id="one-proxy"),
        pytest.param("192.0.2.1", "203.0.113.5, 198.51.100.9", 1, "198.51.100.9", id="spoofed-before-one-proxy"),
        pytest.param("192.0.2.1", "203.0.113.5, 198.51.100.9,10.0.0.1", 2, "198.51.100.9", id="two-proxies"),
        pytest.param("192.0.2.1", "198.51.100.9", 2, "192.0.2.1", id="fewer-hops-than-proxies"),
        pytest.param("192.0.2.1", None, 1, "192.0.2.1", id="header-missing"),
        pytest.param("192.0.2.1", "nonsense", 1, "unknown", id="header-nonsense"),
        pytest.param("192.0.2.1", "198.51.100.9:4711", 1, "198.51.100.9", id="with-port"),
        pytest.param("192.0.2.1", "[2001:db8:1:2::9]:4711", 1, "2001:db8:1:2::", id="ipv6-with-port"),
        pytest.param("192.0.2.1", "[2001:db8:1:2::9]", 1, "2001:db8:1:2::", id="ipv6-in-brackets"),
        pytest.param("2001:db8:1:2:3:4:5:6", None, 0, "2001:db8:1:2::", id="ipv6-network"),
        pytest.param("2001:db8:1:2::9", None, 0, "2001:db8:1:2::", id="same-ipv6-network"),
        pytest.param("::ffff:192.0.2.1", None, 0, "192.0.2.1", id="ipv4-in-ipv6"),
        pytest.param("fe80::1%eth0", None, 0, "fe80::", id="ipv6-with-zone"),
        pytest.param("", None, 0, "unknown", id="unix-socket"),
    ],
)
def test_the_address_of_a_client(rf, settings, remote, forwarded, proxies, address):
    settings.INQUIRLY_TRUSTED_PROXIES = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}

    assert client_address(rf.get("/", REMOTE_ADDR=remote, headers=headers)) == address


def test_unknown_inboxes_are_counted_too(client, db):
    unknown = ContactInboxFactory.build(inbox=InboxFactory.build(), contact=None)

    assert statuses(lambda: read_contact(client, unknown), 4) == [404, 404, 404, 429]
