from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from contacts.models import Contact
from inboxes import known
from inboxes.models import Account, Inbox

from .admin import add_url, list_url, page_url
from .api import contact_url, public_contact
from .factories import ContactInboxFactory

POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; script-src 'self'; style-src 'self'; base-uri 'none'"
)
PUBLIC_PAGES = ["/", "/try", "/docs/", "/redoc/", "/admin/login/", "/nowhere"]


class Inline(HTMLParser):
    """Collects what a strict policy refuses: scripts and styles in the page, handlers, other hosts."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        inline = tag == "style" or (tag == "script" and "src" not in names)
        handlers = [name for name in names if name == "style" or name.startswith("on")]
        loaded = names.get("src" if tag in {"script", "img"} else "href" if tag == "link" else "", "")
        if inline or handlers or "//" in loaded or "javascript:" in names.get("href", ""):
            self.found.append(self.get_starttag_text())


def inline(response):
    return Inline(response.content.decode()).found


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_a_page_has_nothing_inline(db, client, path):
    response = client.get(path)

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert inline(response) == []


def test_no_page_of_the_admin_has_anything_inline(admin_client, admin_user):
    row = ContactInboxFactory()
    rows = [row, row.contact, row.inbox, row.inbox.account, admin_user]
    lists = [list_url(model) for model in admin.site._registry]
    forms = [add_url(model) for model in (Account, Inbox, Contact, User)]
    pages = [page_url(row, page) for row in rows for page in ("change", "history", "delete")]
    for path in ["/admin/", "/admin/password_change/", *lists, *forms, *pages]:
        response = admin_client.get(path)

        assert response.status_code in {200, 403}, path
        assert response.headers["Content-Security-Policy"] == POLICY
        assert inline(response) == [], path


@pytest.mark.parametrize("path", [path for path in PUBLIC_PAGES if path != "/redoc/"])
def test_a_page_loads_nothing_but_files_of_the_site(db, client, path):
    assert client.get(path).headers["Content-Security-Policy"] == POLICY


def test_redoc_may_write_styles_with_the_nonce_of_its_page_only(client):
    first, second = client.get("/redoc/"), client.get("/redoc/")
    nonce = first.context["nonce"]

    expected = POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")
    assert first.headers["Content-Security-Policy"] == expected
    assert len(nonce) == 22
    assert f'nonce="{nonce}"' in first.content.decode()
    assert nonce not in second.headers["Content-Security-Policy"]


def test_the_settings_for_https_hold_on_the_api_too(client, visitor, settings):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60
    url = contact_url(visitor)

    assert client.get(url).headers["Location"] == f"https://testserver{url}"
    assert client.get(url, secure=True).headers["Strict-Transport-Security"] == "max-age=60"


def test_a_public_call_passes_by_the_middleware_of_pages(client, visitor, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.test_site_pages.failing"]

    response = client.get(contact_url(visitor))

    assert response.json() == public_contact(visitor)
    assert response["Content-Length"] == str(len(response.content))
    with pytest.raises(RuntimeError):
        client.get("/")


def failing(get_response):
    def fail(request):
        raise RuntimeError

    return fail


def test_the_policy_holds_on_static_files_and_on_the_api_too(client, visitor):
    for path in ["/static/inquirly_site/icon.svg", contact_url(visitor), "/healthz", "/openapi.yaml"]:
        response = client.get(path)
        assert b"".join(response)

        assert response.status_code == 200
        assert response.headers["Content-Security-Policy"] == POLICY


def test_an_expired_form_is_told_kindly():
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "admin", "password": "wrong"})

    assert response.status_code == 403
    assert "Go back, load the page again" in response.content.decode()
    assert inline(response) == []


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/admin/inquirly_contacts/contactinbox/add/", 403, "Not allowed"),
        ("/admin/inquirly_contacts/contact/?email__contains=a", 400, "Not understood"),
        ("/nowhere", 404, "Page not found"),
    ],
)
def test_a_refused_page_says_so_in_words(admin_client, path, status, title):
    response = admin_client.get(path)

    assert response.status_code == status
    assert f"<h1>{title}</h1>" in response.content.decode()
    assert inline(response) == []


def test_the_home_page_leads_to_everything(client):
    html = client.get("/").content.decode()

    for path in ["/try", "/docs/", "/redoc/", "/openapi.yaml", "/admin/"]:
        assert f'href="{path}"' in html


def test_pages_ask_nothing_of_the_database_and_set_no_cookie(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        responses = [client.get(path) for path in ("/", "/try", "/docs/", "/redoc/")]

    assert [response.status_code for response in responses] == [200, 200, 200, 200]
    assert not client.cookies


def test_a_page_speaks_the_language_of_its_reader(client):
    response = client.get("/", headers={"Accept-Language": "ar"})

    assert '<html lang="ar" dir="rtl">' in response.content.decode()


@pytest.mark.parametrize("path", ["/static/admin/css/base.css", "/static/inquirly_site/try.js"])
def test_static_files_are_served_without_collectstatic(client, path):
    response = client.get(path)

    assert response.status_code == 200
    assert b"".join(response)


def test_a_public_call_is_not_asked_who_the_user_is(admin_client, inbox, django_assert_num_queries):
    known.get(inbox.identifier)
    with django_assert_num_queries(0):  # neither session nor user are looked up
        response = admin_client.get(f"/public/api/v1/inboxes/{inbox.identifier}", headers={"Accept-Language": "de"})

    assert response.status_code == 200
    assert "Content-Language" not in response.headers


def test_the_language_of_a_page_is_not_that_of_the_next_call(client, inbox):
    client.get("/admin/login/", headers={"Accept-Language": "de"})
    response = client.post(
        f"/public/api/v1/inboxes/{inbox.identifier}/contacts", {"name": "x" * 256}, "application/json"
    )

    assert response.json()["errors"] == [
        {
            "field": "name",
            "code": "max_length",
            "message": "Ensure this value has at most 255 characters (it has 256).",
        }
    ]
