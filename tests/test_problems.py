"""One shape for every refusal, and the headers that every public answer bears."""

import json
import logging
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import DataError, InterfaceError, OperationalError, connection
from django.db.utils import InternalError
from django.http import HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, override_settings
from django.utils import timezone

from contacts import identify
from inboxes.models import Inbox

from .api import (
    INBOXES,
    contact_url,
    contacts_url,
    create_contact,
    problem,
    read_contact,
    signed,
    stored,
    update_contact,
)

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


DJANGOS = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]


def headers_of(response):
    return {name: response[name] for name in HEADERS}


def breaking(monkeypatch, error):
    """Let the rules fail as they do when the database fails under them."""

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(identify, "create", fail)


def test_every_answer_bears_the_headers_and_no_cookie(client, inbox, customer):
    answers = [
        client.get(f"{INBOXES}/{inbox.identifier}"),
        create_contact(client, inbox),
        read_contact(client, customer),
        update_contact(client, customer),
        create_contact(client, inbox, identifier_hash="0"),
        create_contact(client, inbox, name=7),
        client.delete(contact_url(customer)),
        client.get(f"{INBOXES}/unknown"),
        client.generic("POST", contacts_url(inbox), "[]", content_type="application/json"),
        client.options(
            contacts_url(inbox), headers={"origin": "https://a.example", "access-control-request-method": "POST"}
        ),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 401, 422, 405, 404, 400, 200]
    assert [headers_of(answer) for answer in answers] == [HEADERS] * 10
    assert not any(answer.cookies for answer in answers)


def test_other_pages_of_the_project_keep_their_headers(client, db):
    assert "no-referrer" not in client.get("/admin/login/").headers.get("Referrer-Policy", "")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/contacts/x", "GET, HEAD, PATCH, PUT"),
        ("POST", "/contacts/x", "GET, HEAD, PATCH, PUT"),
        ("GET", "/contacts", "POST"),
        ("PUT", "/contacts", "POST"),
        ("OPTIONS", "/contacts", "POST"),
        ("TRACE", "/contacts", "POST"),
        ("BREW", "/contacts", "POST"),
        ("POST", "", "GET, HEAD"),
        ("CONNECT", "", "GET, HEAD"),
    ],
)
def test_other_methods_are_refused(client, inbox, method, path, allow):
    response = client.generic(method, f"{INBOXES}/{inbox.identifier}{path}", "{}", content_type="application/json")

    assert response.status_code == 405
    assert response["Allow"] == allow
    assert response.json() == problem(405)


def test_head_is_get_without_body(client, inbox, customer):
    response = client.head(contact_url(customer))

    assert response.status_code == 200
    assert response.content == b""


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, InternalError])
def test_a_database_that_is_away_is_said_so(client, inbox, monkeypatch, error):
    breaking(monkeypatch, error("could not connect to postgres://user:password@db"))
    response = create_contact(client, inbox)

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json() == problem(503)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_without_any_database_the_answer_is_the_same(client, db, monkeypatch, error):
    def away(*args, **kwargs):
        raise error("connection refused")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", away)
        response = client.get(f"{INBOXES}/any", headers={"origin": "https://a.example"})

    assert response.status_code == 503
    assert response.json() == problem(503)
    assert headers_of(response) == HEADERS
    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.django_db(transaction=True)
def test_an_inbox_that_goes_in_the_middle_of_a_call_is_not_found(client, inbox, monkeypatch):
    key = identify._key

    def delete_first(*args, **kwargs):
        Inbox.objects.all().delete()
        return key(*args, **kwargs)

    monkeypatch.setattr(identify, "_key", delete_first)
    response = create_contact(client, inbox)

    assert response.status_code == 404
    assert response.json() == problem(404)
    assert stored() == []


def test_a_bug_of_ours_is_told_to_the_host_and_not_to_the_caller(client, inbox, monkeypatch):
    breaking(monkeypatch, DataError("secret detail"))
    client.raise_request_exception = False
    response = create_contact(client, inbox)

    assert response.status_code == 500
    assert response.json() == problem(500)


def test_error_trackers_hear_of_a_bug_of_ours(client, inbox, monkeypatch):
    breaking(monkeypatch, DataError("secret detail"))
    with pytest.raises(DataError):
        create_contact(client, inbox)


@override_settings(ALLOWED_HOSTS=["example.com"])
def test_refusals_by_django_have_the_same_shape(client, inbox):
    response = client.get(f"{INBOXES}/{inbox.identifier}", headers={"host": "evil.example"})

    assert response.status_code == 400
    assert response.json() == problem(400)
    assert headers_of(response) == HEADERS


def test_a_refusal_of_the_hosts_that_has_no_name_has_the_same_shape(client, inbox, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:1], "tests.test_problems.enhance_your_calm", *settings.MIDDLEWARE[1:]]

    response = client.get(f"{INBOXES}/{inbox.identifier}")

    assert response.status_code == 420
    assert response.json() == {
        "title": "Refused",
        "status": 420,
        "detail": "The request could not be read.",
        "code": "refused",
    }


def enhance_your_calm(get_response):
    return lambda request: HttpResponse(status=420)


def test_too_many_query_parameters_are_refused(client, inbox, customer):
    response = client.get(contact_url(customer) + "?" + "&".join(f"a{i}=1" for i in range(1001)))

    assert response.status_code == 400
    assert response.json() == problem(400)


def test_a_client_that_hangs_up_is_refused(client, inbox, monkeypatch):
    def hang_up(*args):
        raise OSError("connection reset")

    monkeypatch.setattr("django.core.handlers.wsgi.LimitedStream.read", hang_up)
    response = create_contact(client, inbox, name="Ada")

    assert response.status_code == 400
    assert response.json() == problem(400, detail="The body did not arrive whole.")


def test_no_secret_reaches_the_logs(client, inbox, customer, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)
    update_contact(client, customer, email="other@example.com", name="Mallory")
    update_contact(client, customer, identifier="user-7", identifier_hash="0" * 64)
    read_contact(client, customer, identifier="user-7", identifier_hash="1" * 64)
    client.delete(contact_url(customer))
    customer.source_id = "unknown-source-id"
    read_contact(client, customer)
    breaking(monkeypatch, OperationalError("could not connect to postgres://user:password@db"))
    create_contact(client, inbox, email="ada@example.com")
    secrets = ["source_id", "unknown-source-id", "@example.com", "0" * 64, "1" * 64, inbox.hmac_token, "password"]

    assert [record.levelname for record in caplog.records] == ["INFO"] * 5 + ["ERROR", "INFO"]
    assert not [secret for secret in secrets if secret in caplog.text]


def test_logged_in_staff_get_no_more_than_others(client, inbox, customer, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("admin"))

    assert read_contact(client, customer).json().keys() == {
        "id",
        "source_id",
        "pubsub_token",
        "name",
        "email",
        "phone_number",
    }


def elsewhere(get_response):
    """A middleware that serves the API alone, as a project does on a host name of its own."""

    def serve(request):
        request.urlconf = "contacts.urls"
        return get_response(request)

    return serve


def test_where_a_middleware_of_the_host_has_put_the_api_all_is_the_same(client, inbox, settings):
    settings.MIDDLEWARE = ["tests.test_problems.elsewhere", settings.MIDDLEWARE[0], *DJANGOS]
    path = f"/inboxes/{inbox.identifier}"
    asking = {"origin": "https://a.example", "access-control-request-method": "GET"}
    found, unknown, asked = client.get(path), client.get(f"{path}/nowhere"), client.options(path, headers=asking)

    assert (found.status_code, headers_of(found)) == (200, HEADERS)
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (200, "https://a.example")
    assert (unknown.status_code, unknown.json(), headers_of(unknown)) == (404, problem(404), HEADERS)


def test_the_cache_of_the_host_keeps_no_contact(client, customer, settings):
    inner = "django.middleware.cache.UpdateCacheMiddleware", "django.middleware.http.ConditionalGetMiddleware"
    first, *others = settings.MIDDLEWARE
    settings.MIDDLEWARE = [first, *inner, *others, "django.middleware.cache.FetchFromCacheMiddleware"]
    before = read_contact(client, customer)
    update_contact(client, customer, name="Countess")
    after = read_contact(client, customer)

    assert (before.json()["name"], after.json()["name"]) == ("Ada", "Countess")
    assert "ETag" not in after
    assert headers_of(after) == HEADERS


def pages_in_languages(get_response):
    """Make of a 404 a redirect, as LocaleMiddleware does where a site has pages for all other addresses."""

    def serve(request):
        response = get_response(request)
        return HttpResponseRedirect("/en" + request.path) if response.status_code == 404 else response

    return serve


def test_a_404_stays_one_where_the_host_would_lead_elsewhere(client, inbox, customer, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:1], "tests.test_problems.pages_in_languages", *settings.MIDDLEWARE[1:]]
    addresses = [contact_url(customer) + "0", contact_url(customer) + "/", f"{INBOXES}/none", f"{INBOXES}/a/nowhere"]
    answers = [client.get(address) for address in addresses]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(404, problem(404))] * 4


def last_seen(get_response):
    """Note when a user was seen, and set a cookie past Django."""

    def serve(request):
        response = get_response(request)
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(last_login=timezone.now())
        response["Set-Cookie"] = "seen=1"
        return response

    return serve


def test_a_visitor_is_no_user_to_the_middleware_of_the_host(client, inbox, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:1], "tests.test_problems.last_seen", *settings.MIDDLEWARE[1:]]

    response = create_contact(client, inbox, **signed(inbox, "user-7"))

    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers


def test_a_preflight_is_answered_where_a_middleware_further_in_has_put_the_api(client, inbox, settings):
    settings.MIDDLEWARE = [settings.MIDDLEWARE[0], "tests.test_problems.elsewhere", *DJANGOS]
    asking = {"origin": "https://a.example", "access-control-request-method": "POST"}

    response = client.options(f"/inboxes/{inbox.identifier}/contacts", headers=asking)

    assert (response.status_code, response.content) == (200, b"")
    assert response["Access-Control-Allow-Origin"] == "https://a.example"


def test_answers_are_utf_8_whatever_the_host_writes(client, inbox, settings):
    settings.DEFAULT_CHARSET = "latin-1"
    proof = signed(inbox, "\N{LATIN SMALL LETTER L WITH STROKE}")
    session = create_contact(client, inbox, **proof, name="\N{SNOWMAN}")
    read = client.get(f"{contacts_url(inbox)}/{json.loads(session.content)['source_id']}?{urlencode(proof)}")

    assert (session.status_code, read.status_code) == (200, 200)
    assert json.loads(session.content)["name"] == "\N{SNOWMAN}"
    assert read.content == session.content


@pytest.mark.django_db(transaction=True)
def test_a_query_is_utf_8_under_asgi_too(client, inbox, settings):
    settings.DEFAULT_CHARSET = "latin-1"
    proof = signed(inbox, "\N{LATIN SMALL LETTER L WITH STROKE}")
    session = create_contact(client, inbox, **proof).json()

    read = async_to_sync(AsyncClient().get)(f"{contacts_url(inbox)}/{session['source_id']}?{urlencode(proof)}")

    assert (read.status_code, json.loads(read.content)) == (200, session)


@pytest.mark.django_db(transaction=True)
def test_nor_need_a_query_be_escaped_under_asgi(client, inbox):
    proof = signed(inbox, "\N{LATIN SMALL LETTER L WITH STROKE}")
    session = create_contact(client, inbox, **proof).json()

    query = "&".join(f"{name}={value}" for name, value in proof.items()).encode()
    read = async_to_sync(AsyncClient().get)(f"{contacts_url(inbox)}/{session['source_id']}", QUERY_STRING=query)

    assert (read.status_code, json.loads(read.content)) == (200, session)


def trying_again(get_response):
    """Send a request on once more when the database was away."""

    def serve(request):
        response = get_response(request)
        return get_response(request) if response.status_code == 503 else response

    return serve


def test_a_refusal_is_forgotten_when_the_host_tries_again(client, customer, settings, monkeypatch):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:1], "tests.test_problems.trying_again", *settings.MIDDLEWARE[1:]]
    retrieve, failures = identify.retrieve, [OperationalError("away")]

    def sometimes(*args, **kwargs):
        if failures:
            raise failures.pop()
        return retrieve(*args, **kwargs)

    monkeypatch.setattr(identify, "retrieve", sometimes)

    assert read_contact(client, customer).status_code == 200
    assert failures == []
