"""Whatever is sent: never a 5xx, always the form of the wire, and a refusal stores nothing."""

import hashlib
import hmac
import json
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.faults.odd_bodies import OBJECTS, RAW, VALUES

from .api import INBOXES, assert_in_order, contact_url, contacts_url, stored

PUBLIC_CONTACT = {"id", "source_id", "pubsub_token", "name", "email", "phone_number"}

fuzz = settings(
    max_examples=60,
    derandomize=True,  # the same calls on every machine and database
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def undone():
    """Let each example find the database as the first one did."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_call_in_order(client, session, method, body, **extra) -> None:
    path = contacts_url(session.inbox) if method == "POST" else contact_url(session)
    before = stored()
    with undone():
        response = client.generic(method, path, body, **{"content_type": "application/json", **extra})
        after = stored()
    assert_in_order(response)
    if response.status_code == 200:
        assert set(response.json()) == PUBLIC_CONTACT
    else:
        assert after == before


def sign(body, key: str) -> None:
    """Add the signature over whatever identifier ``body`` holds."""
    if isinstance(body, dict) and "identifier" in body:
        message = str(body["identifier"]).encode(errors="surrogatepass")
        body["identifier_hash"] = hmac.digest(key.encode(), message, hashlib.sha256).hex()


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@fuzz
@given(body=RAW)
def test_any_bytes_as_a_body(client, visitor, method, body):
    assert_call_in_order(client, visitor, method, body)


@pytest.mark.parametrize("signing", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("who", ["visitor", "customer"])
@fuzz
@given(body=OBJECTS | VALUES)
def test_any_json_as_a_body(client, request, who, method, signing, body):
    session = request.getfixturevalue(who)
    if signing:
        sign(body, session.inbox.hmac_token)

    assert_call_in_order(client, session, method, json.dumps(body))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@fuzz
@given(
    content_type=st.text(st.characters(max_codepoint=255)) | st.sampled_from(["application/json", "text/plain"]),
    length=st.text(st.characters(max_codepoint=255))
    | st.integers(max_value=2).map(str)
    | st.integers(102_401).map(str),
)
def test_any_content_type_and_length(client, visitor, method, content_type, length):
    assert_call_in_order(client, visitor, method, b"{}", content_type=content_type, CONTENT_LENGTH=length)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD"])
@fuzz
@given(path=st.lists(st.binary() | st.sampled_from([b"contacts", b"/", b"\x00", b"x" * 5_000])).map(b"".join))
def test_any_path(client, inbox, method, path):
    response = client.generic(method, f"{INBOXES}/{quote(path, safe='/')}", b"{}", content_type="application/json")

    assert response.status_code in {404, 405}
    if method != "HEAD":
        assert_in_order(response)


@fuzz
@given(query=st.dictionaries(st.sampled_from(["identifier", "identifier_hash", "x"]), st.binary(), min_size=1))
def test_any_query(client, visitor, query):
    text = "&".join(f"{name}={quote(value)}" for name, value in query.items())

    response = client.generic("GET", contact_url(visitor), QUERY_STRING=text)

    assert response.status_code in {200, 401}
    assert_in_order(response)


@fuzz
@given(query=st.text(st.characters(max_codepoint=255)))
def test_any_query_that_is_no_query(client, visitor, query):
    response = client.generic("GET", contact_url(visitor), QUERY_STRING=query)

    assert response.status_code in {200, 400, 401}
    assert_in_order(response)
