"""Which pages may read the answers: those that the inbox allows, and no others."""

import pytest
from asgiref.sync import async_to_sync
from django.test import override_settings

from .api import INBOXES, contact_url, contacts_url
from .factories import InboxFactory

SHOP, OTHER = "https://shop.example", "https://other.example"


@pytest.fixture
def shop(db):
    return InboxFactory(allowed_origins=[SHOP])


def preflight(client, url, origin, method="POST"):
    return client.options(
        url,
        headers={
            "origin": origin,
            "access-control-request-method": method,
            "access-control-request-headers": "content-type",
        },
    )


def post(client, inbox, origin, body="{}"):
    return client.generic(
        "POST", contacts_url(inbox), body, content_type="application/json", headers={"origin": origin}
    )


def cors_headers(response):
    return {name: value for name, value in response.headers.items() if name.lower().startswith("access-control-")}


def test_a_preflight_from_an_allowed_origin_may_go_on(client, shop):
    response = preflight(client, contacts_url(shop), SHOP)

    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == SHOP
    assert {"*", "authorization", "content-type", "idempotency-key"} <= set(
        response["Access-Control-Allow-Headers"].split(", ")
    )
    assert {"*", "GET", "POST", "PATCH", "PUT"} <= set(response["Access-Control-Allow-Methods"].split(", "))
    assert response["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize(
    "origin",
    [
        OTHER,
        "http://shop.example",
        "https://shop.example:444",
        "https://shop.example.evil",
        "null",
        "",
        "https://[",
        "x",
    ],
)
def test_a_preflight_from_elsewhere_may_not(client, shop, origin):
    assert "Access-Control-Allow-Origin" not in preflight(client, contacts_url(shop), origin)


def test_an_answer_is_readable_from_an_allowed_origin(client, shop):
    response = post(client, shop, SHOP)

    assert response.status_code == 200
    assert cors_headers(response) == {
        "access-control-allow-origin": SHOP,
        "access-control-expose-headers": "Retry-After",
    }
    assert "origin" in response["Vary"]


def test_an_answer_is_not_readable_from_elsewhere(client, shop):
    response = post(client, shop, OTHER)

    assert response.status_code == 200
    assert cors_headers(response) == {}
    assert "origin" in response["Vary"]


@pytest.mark.parametrize("origin", [SHOP, OTHER, "null", "http://localhost:3000"])
def test_without_a_list_any_page_may_read(client, inbox, origin):
    assert preflight(client, contacts_url(inbox), origin)["Access-Control-Allow-Origin"] == origin
    assert post(client, inbox, origin)["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize(("origin", "readable"), [(SHOP, True), (OTHER, False)])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(400, "[]", id="400"),
        pytest.param(401, '{"identifier_hash": "0"}', id="401"),
        pytest.param(413, "1" * 200_000, id="413"),
        pytest.param(422, '{"name": 7}', id="422"),
    ],
)
def test_refusals_are_readable_by_the_same_pages(client, shop, status, body, origin, readable):
    response = post(client, shop, origin, body)

    assert response.status_code == status
    assert ("Access-Control-Allow-Origin" in response) is readable


@pytest.mark.parametrize(("origin", "readable"), [(SHOP, True), (OTHER, False)])
def test_unknown_sessions_and_methods_too(client, shop, origin, readable):
    answers = [
        client.get(f"{contacts_url(shop)}/unknown", headers={"origin": origin}),
        client.delete(f"{contacts_url(shop)}/unknown", headers={"origin": origin}),
        client.get(f"{INBOXES}/{shop.identifier}", headers={"origin": origin}),
    ]

    assert [answer.status_code for answer in answers] == [404, 405, 200]
    assert ["Access-Control-Allow-Origin" in answer for answer in answers] == [readable] * 3


def test_a_misspelt_inbox_is_told_to_any_page(client, db):
    response = client.get(f"{INBOXES}/misspelt", headers={"origin": OTHER})

    assert response.status_code == 404
    assert response["Access-Control-Allow-Origin"] == OTHER


@pytest.mark.parametrize("below", ["/contacts/", "/contacts/a/b", "/nothing"])
def test_below_an_inbox_its_origins_hold_whatever_the_address(client, shop, below):
    url = f"{INBOXES}/{shop.identifier}{below}"
    ours, others = [client.get(url, headers={"origin": origin}) for origin in (SHOP, OTHER)]

    assert (ours.status_code, others.status_code) == (404, 404)
    assert ours["Access-Control-Allow-Origin"] == SHOP
    assert cors_headers(others) == {}
    assert "Access-Control-Allow-Origin" not in preflight(client, url, OTHER)


def test_the_preflight_of_a_change_is_answered(client, visitor):
    assert preflight(client, contact_url(visitor), SHOP, "PATCH").status_code == 200


@override_settings(CORS_ALLOW_ALL_ORIGINS=True, CORS_ALLOW_CREDENTIALS=True, CORS_ALLOWED_ORIGINS=[OTHER])
def test_the_cors_settings_of_the_project_open_no_inbox(client, shop):
    assert cors_headers(post(client, shop, OTHER)) == {}
    assert "Access-Control-Allow-Origin" not in preflight(client, contacts_url(shop), OTHER)


@override_settings(CORS_ALLOW_CREDENTIALS=True)
def test_answers_are_never_readable_with_credentials(client, inbox):
    assert "Access-Control-Allow-Credentials" not in post(client, inbox, SHOP)
    assert "Access-Control-Allow-Credentials" not in preflight(client, contacts_url(inbox), SHOP)


@override_settings(CORS_ALLOW_ALL_ORIGINS=True)
def test_other_pages_of_the_project_are_left_alone(client, db):
    assert cors_headers(client.get("/admin/login/", headers={"origin": OTHER})) == {}
    assert cors_headers(preflight(client, "/nowhere", OTHER)) == {}


@pytest.mark.parametrize("inner", [[], ["corsheaders.middleware.CorsMiddleware"]], ids=["alone", "with-the-hosts-own"])
def test_the_cors_settings_of_the_project_close_no_inbox(client, shop, settings, inner):
    settings.CORS_ALLOW_METHODS, settings.CORS_ALLOW_HEADERS, settings.CORS_URLS_REGEX = ["GET"], ["x-host"], "^/api/"
    settings.MIDDLEWARE = [settings.MIDDLEWARE[0], *inner, *settings.MIDDLEWARE[1:]]
    answer, allowed = post(client, shop, SHOP), preflight(client, contacts_url(shop), SHOP, "PATCH")

    assert answer["Access-Control-Allow-Origin"] == allowed["Access-Control-Allow-Origin"] == SHOP
    assert "origin" in answer["Vary"]
    assert allowed["Access-Control-Allow-Methods"] == "*, GET, HEAD, POST, PATCH, PUT"
    assert "content-type" in allowed["Access-Control-Allow-Headers"].split(", ")


def test_a_page_that_may_not_read_is_told_nothing(client, shop, settings):
    settings.CORS_ALLOW_ALL_ORIGINS = True
    settings.MIDDLEWARE = [settings.MIDDLEWARE[0], "corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE[1:]]

    assert "Access-Control-Allow-Origin" not in preflight(client, contacts_url(shop), OTHER)
    assert cors_headers(post(client, shop, OTHER)) == {}


def test_under_asgi_the_same_pages_may_read(async_client, shop):
    url = f"{INBOXES}/{shop.identifier}"
    get, options = async_to_sync(async_client.get), async_to_sync(async_client.options)
    ours, others = [get(url, headers={"origin": origin}) for origin in (SHOP, OTHER)]
    asked = options(url, headers={"origin": SHOP, "access-control-request-method": "GET"})

    assert (ours.status_code, others.status_code, asked.status_code) == (200, 200, 200)
    assert ours["Access-Control-Allow-Origin"] == asked["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Origin" not in others
    assert ours["Cache-Control"] == "no-store"
