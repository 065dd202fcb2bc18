import json

import pytest
from playwright.sync_api import expect

from contacts.models import Contact, ContactInbox
from inboxes.identity import identifier_hash

from .api import contact_url, contacts_url, problem, public_contact

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")  # one process starts it

FIELDS = {
    "name": "Ada",
    "email": "ada@example.com",
    "phone_number": "+12025550123",
    "avatar_url": "https://example.com/ada.png",
}
UNSIGNED = "none: the call is unsigned"
CLAIM = "none: the call is unsigned. The identifier is only a claim, and a create makes a new contact."


@pytest.fixture
def try_page(live_server, inbox, page):
    page.route_web_socket("**/cable", lambda socket: None)  # this server has none; see test_try_live.py
    page.goto(f"{live_server.url}/try?inbox={inbox.identifier}")
    return page


def fill_in(page, **values):
    for label, value in values.items():
        page.fill(f"#{label}", value)


def send(page):
    """Send what is filled in and return the status line and the body of the answer."""
    page.get_by_role("button", name="Send").click()
    page.wait_for_selector("#answer:not([hidden])")
    return page.inner_text("#status"), json.loads(page.inner_text("#body"))


def test_the_hash_is_computed_while_one_types(try_page, inbox, complaints):
    expect(try_page.locator("#hash")).to_have_text(UNSIGNED)
    fill_in(try_page, secret=f" {inbox.hmac_token}\t")
    for identifier in ["user-42", "Zoë \N{SNOWMAN}", "'\"<b>", " user-42 "]:
        try_page.fill("#identifier", "")
        try_page.locator("#identifier").press_sequentially(identifier)

        expect(try_page.locator("#hash")).to_have_text(identifier_hash(inbox.hmac_token, identifier))

    try_page.fill("#secret", "")

    expect(try_page.locator("#hash")).to_have_text(CLAIM)
    assert complaints == []


def test_a_contact_is_created_read_and_updated_in_one_go(try_page, inbox, complaints):
    fill_in(try_page, inbox=f" {inbox.identifier} ", secret=inbox.hmac_token, identifier="user-42", **FIELDS)
    fill_in(try_page, custom_attributes='{"plan": "pro"}')
    status, body = send(try_page)

    session = ContactInbox.objects.get()
    assert status.startswith("200 ")
    assert body == public_contact(session)
    assert session.hmac_verified
    assert {name: getattr(session.contact, name) for name in FIELDS} == FIELDS
    assert session.contact.custom_attributes == {"plan": "pro"}
    expect(try_page.get_by_role("button", name="Send")).to_be_focused()

    try_page.get_by_label("Read it").check()

    expect(try_page.get_by_role("status").filter(has_text="Nothing sent yet.")).to_be_visible()
    expect(try_page.locator("#answer")).to_be_hidden()
    status, body = send(try_page)

    assert status.startswith("200 ")
    assert body == public_contact(session)

    try_page.get_by_label("Update it").check()
    fill_in(try_page, name="Ada Lovelace")
    status, body = send(try_page)

    assert status.startswith("200 ")
    assert body == public_contact(session)
    assert body["name"] == "Ada Lovelace"
    assert complaints == []


def test_another_inbox_has_other_sessions(try_page):
    send(try_page)
    try_page.get_by_label("Update it").check()
    assert try_page.input_value("#source_id")
    send(try_page)
    try_page.locator("#inbox").press_sequentially("2")

    expect(try_page.locator("#source_id")).to_have_value("")
    expect(try_page.locator("#answer")).to_be_hidden()


@pytest.mark.parametrize("attributes", ['{"plan": ', '["pro"]', "null"])
def test_attributes_that_are_no_object_are_not_sent(try_page, attributes):
    fill_in(try_page, custom_attributes=attributes)
    try_page.get_by_role("button", name="Send").click()

    message = try_page.locator("#custom_attributes").evaluate("field => field.validationMessage")
    assert message == "Custom attributes have to be a JSON object, like the one below the field."
    expect(try_page.locator("#custom_attributes")).to_be_focused()
    assert not ContactInbox.objects.exists()


def test_the_home_page_leads_here(live_server, inbox, page, complaints):
    page.goto(live_server.url)
    page.get_by_role("main").get_by_role("link", name="Try it").click()

    assert page.get_by_role("heading", name="Try it").is_visible()
    assert page.url == f"{live_server.url}/try"
    assert complaints == []


def test_a_sign_in_keeps_the_new_session_for_the_next_call(try_page, inbox):
    fill_in(try_page, name="Visitor")
    _, visitor = send(try_page)
    try_page.get_by_label("Update it").check()
    fill_in(try_page, secret=inbox.hmac_token, identifier="user-42")
    _, signed_in = send(try_page)

    assert signed_in["source_id"] != visitor["source_id"]
    assert try_page.input_value("#source_id") == signed_in["source_id"]
    assert Contact.objects.get().identifier == "user-42"


def test_a_refusal_is_shown_with_its_status_and_headers(try_page, inbox):
    fill_in(try_page, secret="another secret", identifier="user-42")
    status, body = send(try_page)

    assert status.startswith("401 ")
    assert body == problem(401)
    assert "content-type: application/problem+json" in try_page.inner_text("#headers")
    assert "www-authenticate: " in try_page.inner_text("#headers")


def test_the_secret_never_leaves_the_page(try_page, inbox):
    requests = []
    try_page.on("request", lambda request: requests.append(request))
    fill_in(try_page, secret=inbox.hmac_token, identifier="user-42")
    send(try_page)
    for method in ["Read it", "Update it"]:
        try_page.get_by_label(method).check()
        send(try_page)

    sent = [f"{request.method} {request.url} {request.all_headers()} {request.post_data}" for request in requests]
    assert [text.split()[0] for text in sent if "/public/" in text.split()[1]] == ["POST", "GET", "PATCH"]
    assert not [text for text in sent if inbox.hmac_token in text]
    assert inbox.hmac_token not in try_page.inner_text("body")


def test_what_will_be_sent_is_what_is_sent(try_page, inbox):
    fill_in(try_page, secret=inbox.hmac_token, identifier="user-42", name="Ada")
    expect(try_page.locator("#hash")).to_have_text(identifier_hash(inbox.hmac_token, "user-42"))
    first_line, _, shown = try_page.inner_text("#request").partition("\n")
    with try_page.expect_request(lambda request: request.method == "POST") as request:
        send(try_page)

    assert first_line == f"POST {contacts_url(inbox)}"
    assert json.loads(shown) == json.loads(request.value.post_data)


def test_a_read_shows_its_proof_in_the_address(try_page, customer):
    try_page.get_by_label("Read it").check()
    token = customer.inbox.hmac_token
    fill_in(try_page, source_id=customer.source_id, secret=token, identifier="user-7")
    expect(try_page.locator("#hash")).to_have_text(identifier_hash(token, "user-7"))

    address = f"{contact_url(customer)}?identifier=user-7&identifier_hash={identifier_hash(token, 'user-7')}"
    assert try_page.inner_text("#request") == f"GET {address}"


def test_an_answer_that_never_comes_is_told(try_page, inbox):
    try_page.route("**/public/**", lambda route: route.abort())
    try_page.get_by_role("button", name="Send").click()

    expect(try_page.locator("#status")).to_have_text("No answer: the server cannot be reached.")
    assert try_page.get_by_role("button", name="Send").is_enabled()


def test_it_works_with_the_keyboard_alone(try_page, inbox):
    try_page.focus("[name=method]:checked")
    typed = [inbox.identifier, "user-42", inbox.hmac_token, "Ada", "ada@example.com"]
    for text in typed:
        try_page.keyboard.press("Tab")
        try_page.keyboard.press("Control+A")
        try_page.keyboard.type(text)
    try_page.keyboard.press("Enter")
    try_page.wait_for_selector("#answer:not([hidden])")

    assert json.loads(try_page.inner_text("#body")) == public_contact(ContactInbox.objects.get())


def test_every_field_has_a_label_and_the_answer_is_announced(try_page):
    unlabelled = try_page.evaluate(
        "[...document.querySelectorAll('input, textarea')].filter(one => !one.labels.length).length"
    )

    assert unlabelled == 0
    assert try_page.get_by_role("status", name="").filter(has_text="Nothing sent yet.").is_visible()
    assert try_page.evaluate("document.documentElement.scrollWidth") == 390  # nothing to scroll sideways
