"""The public API as its clients call it."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from contacts.models import Contact, ContactInbox, IdempotencyKey
from inboxes.identity import identifier_hash
from inboxes.middleware import HEADERS
from inboxes.models import Inbox
from inboxes.problems import PROBLEMS, USUAL_CODES

INBOXES = "/public/api/v1/inboxes"


def contacts_url(inbox: Inbox) -> str:
    return f"{INBOXES}/{inbox.identifier}/contacts"


def contact_url(contact_inbox: ContactInbox) -> str:
    return f"{contacts_url(contact_inbox.inbox)}/{contact_inbox.source_id}"


def signed(inbox: Inbox, identifier: str, **fields: Any) -> dict[str, Any]:
    """Return the fields of a request that the holder of ``identifier`` signs."""
    return {
        "identifier": identifier,
        "identifier_hash": identifier_hash(inbox.hmac_token, identifier),
        **fields,
    }


def create_contact(client: Client, inbox: Inbox, **fields: Any) -> HttpResponse:
    return client.post(contacts_url(inbox), fields, content_type="application/json")


def create_with_key(client: Client, inbox: Inbox, key: str, **fields: Any) -> HttpResponse:
    return client.post(contacts_url(inbox), fields, content_type="application/json", headers={"idempotency-key": key})


def read_contact(client: Client, contact_inbox: ContactInbox, **query: Any) -> HttpResponse:
    return client.get(contact_url(contact_inbox), query)


def update_contact(client: Client, contact_inbox: ContactInbox, **fields: Any) -> HttpResponse:
    return client.patch(contact_url(contact_inbox), fields, content_type="application/json")


def public_contact(contact_inbox: ContactInbox) -> dict[str, Any]:
    """Return what the API has to answer for this session, as it is stored now."""
    session = ContactInbox.objects.select_related("contact").get(pk=contact_inbox.pk)
    return {
        "id": session.contact.pk,
        "source_id": session.source_id,
        "pubsub_token": session.pubsub_token,
        "name": session.contact.name,
        "email": session.contact.email or None,
        "phone_number": session.contact.phone_number or None,
    }


def problem(
    status: int, detail: str | None = None, errors: list[dict[str, str]] | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return the body of a refusal."""
    code = code or USUAL_CODES[status]
    _status, title, usual_detail = PROBLEMS[code]
    body = {"title": str(title), "status": status, "detail": detail or str(usual_detail), "code": code}
    return body if errors is None else {**body, "errors": errors}


def stored() -> list[dict[str, Any]]:
    """Return everything that calls can change, to compare before and after."""
    return [row for model in (Contact, ContactInbox, IdempotencyKey) for row in model.objects.order_by("pk").values()]


def assert_in_order(response: HttpResponse) -> None:
    """Check what holds for every answer: its headers, its form, and no 5xx."""
    assert response.status_code < 500
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert not response.cookies
    body = json.loads(response.content)
    if response.status_code == 200:
        assert response.headers["Content-Type"] == "application/json"
        return
    assert response.headers["Content-Type"] == "application/problem+json"
    keys = ["title", "status", "detail", "code"]
    assert list(body) == ([*keys, "errors"] if body["code"] == "invalid_fields" else keys)
    assert body["status"] == response.status_code == PROBLEMS[body["code"]][0]
    for error in body.get("errors", []):
        assert list(error) == ["field", "code", "message"]
