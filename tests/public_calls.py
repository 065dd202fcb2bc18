"""One call of every shape that the public API has, for tests of what calls cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts.models import ContactInbox
from inboxes import known
from inboxes.models import Inbox

from .api import create_contact, create_with_key, read_contact, signed, update_contact
from .factories import ContactFactory, ContactInboxFactory

TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK")
PLAIN = {"name": "Grace", "email": "grace@example.com", "phone_number": "+12025550199"}
FIELDS = {**PLAIN, "custom_attributes": {"plan": "pro"}}


@dataclass(frozen=True)
class Callers:
    """Sessions of one inbox: of a visitor, of one of a visitor's two, and of the verified contact ``user-7``."""

    inbox: Inbox
    visitor: ContactInbox
    one_of_two: ContactInbox
    customer: ContactInbox


class Shape(NamedTuple):
    """What a call is, and what it has to come to: its status, and how many queries it takes.

    That is on PostgreSQL; SQLite, which has no round trips to save, takes ``more``.
    """

    call: Callable[[Client, Callers], HttpResponse]
    status: int
    queries: int
    more: int = 0


SHAPES = {
    "read": Shape(lambda client, by: read_contact(client, by.visitor), 200, 1),
    "read, signed": Shape(lambda client, by: read_contact(client, by.customer, **signed(by.inbox, "user-7")), 200, 1),
    "read, refused": Shape(lambda client, by: read_contact(client, by.customer, **signed(by.inbox, "user-8")), 401, 1),
    "create": Shape(lambda client, by: create_contact(client, by.inbox, **FIELDS), 200, 1, 1),
    "create, claiming": Shape(lambda client, by: create_contact(client, by.inbox, identifier="user-7"), 200, 1, 1),
    "create, signed, new": Shape(
        lambda client, by: create_contact(client, by.inbox, **signed(by.inbox, "user-8", **FIELDS)), 200, 1, 1
    ),
    "create, signed, known": Shape(
        lambda client, by: create_contact(client, by.inbox, **signed(by.inbox, "user-7", **FIELDS)), 200, 3, 1
    ),
    "create, signed, new, nothing to merge": Shape(
        lambda client, by: create_contact(client, by.inbox, **signed(by.inbox, "user-8", **PLAIN)), 200, 1, 1
    ),
    "create, signed, known, nothing to merge": Shape(
        lambda client, by: create_contact(client, by.inbox, **signed(by.inbox, "user-7", **PLAIN)), 200, 1, 3
    ),
    "create, with a key": Shape(lambda client, by: create_with_key(client, by.inbox, "key", **FIELDS), 200, 4),
    "update": Shape(lambda client, by: update_contact(client, by.visitor, **FIELDS), 200, 2, 1),
    "update, claiming": Shape(lambda client, by: update_contact(client, by.visitor, identifier="user-7"), 200, 2, 1),
    "update, signed": Shape(
        lambda client, by: update_contact(client, by.customer, **signed(by.inbox, "user-7", **FIELDS)), 200, 2, 1
    ),
    "update, nothing to merge": Shape(lambda client, by: update_contact(client, by.visitor, **PLAIN), 200, 1, 2),
    "update, signed, nothing to merge": Shape(
        lambda client, by: update_contact(client, by.customer, **signed(by.inbox, "user-7", **PLAIN)), 200, 1, 2
    ),
    "update, refused": Shape(lambda client, by: update_contact(client, by.customer, **FIELDS), 401, 2),
    "sign in, nobody has the identifier": Shape(
        lambda client, by: update_contact(client, by.visitor, **signed(by.inbox, "user-8", **FIELDS)), 200, 5
    ),
    "sign in, folded": Shape(
        lambda client, by: update_contact(client, by.visitor, **signed(by.inbox, "user-7", **FIELDS)), 200, 7
    ),
    "sign in, leaving the contact to others": Shape(
        lambda client, by: update_contact(client, by.one_of_two, **signed(by.inbox, "user-8", **FIELDS)), 200, 6
    ),
}


def callers(inbox: Inbox) -> Callers:
    customer = ContactFactory(account=inbox.account, identifier="user-7", email="ada@example.com")
    visitor, one_of_two = ContactInboxFactory.create_batch(2, inbox=inbox)
    ContactInboxFactory(inbox=inbox, contact=one_of_two.contact)
    return Callers(
        inbox=inbox,
        visitor=visitor,
        one_of_two=one_of_two,
        customer=ContactInboxFactory(inbox=inbox, contact=customer, hmac_verified=True),
    )


def statements_of(shape: Shape, client: Client, by: Callers) -> list[str]:
    """Make the call, of an inbox that is known, and return the SQL that it took; begin, commit and savepoints aside."""
    known.get(by.inbox.identifier)
    with CaptureQueriesContext(connection) as captured:
        response = shape.call(client, by)
    assert response.status_code == shape.status
    return [query["sql"] for query in captured if not query["sql"].startswith(TRANSACTION)]
