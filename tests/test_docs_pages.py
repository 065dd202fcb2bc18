import json

import pytest
from playwright.sync_api import expect

from contacts.models import Contact, ContactInbox
from inboxes.models import Account, Inbox

from .admin import add_url, list_url, page_url
from .api import public_contact

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")  # one process starts it


def test_swagger_ui_shows_the_calls_and_sends_them(live_server, page, complaints, inbox):
    page.goto(f"{live_server.url}/docs/")
    page.locator(".opblock-post .opblock-summary-control").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("inbox_identifier").fill(inbox.identifier)
    page.locator("textarea").fill(json.dumps({"name": "Ada"}))
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table").wait_for()

    assert page.locator(".live-responses-table tbody .response-col_status").first.inner_text() == "200"
    assert public_contact(ContactInbox.objects.get())["name"] == "Ada"
    assert complaints == []


def test_redoc_shows_the_calls_with_its_styles(live_server, page, complaints):
    page.goto(f"{live_server.url}/redoc/")
    expect(page.locator(".redoc-wrap [data-section-id*=operation] h2")).to_have_count(5)

    assert page.evaluate("getComputedStyle(document.querySelector('.redoc-wrap h1')).fontFamily").startswith("Mont")
    assert complaints == []


def test_the_pages_of_the_admin_keep_to_the_policy(live_server, page, complaints, visitor, admin_client):
    cookie = admin_client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    rows = [visitor, visitor.contact, visitor.inbox, visitor.inbox.account]
    lists = [list_url(type(row)) for row in rows]
    forms = [add_url(Account), add_url(Inbox), add_url(Contact)]
    for path in ["/admin/", *lists, *map(page_url, rows), *forms]:
        assert page.goto(live_server.url + path).ok
    page.locator(".select2-selection").click()
    page.locator(".select2-results__option", has_text=visitor.inbox.account.name).click()

    assert complaints == []
