"""Another request comes between two statements of this one: nothing is lost, nobody is mixed up.

Real threads are in ``test_concurrency.py``; here the moment is chosen, so that each path is taken on every database.
"""

import pytest
from django.db import connection

from contacts.merge import merge
from contacts.models import Contact, ContactInbox
from contacts.sessions import ATTEMPTS

from .api import create_contact, create_with_key, problem, public_contact, signed, stored, update_contact
from .concurrently import before
from .factories import ContactFactory, InboxFactory

INSERT_CONTACT = 'INSERT INTO "inquirly_contacts_contact"'
LOCK_CONTACT = 'SELECT "inquirly_contacts_contact"."id", "inquirly_contacts_contact"."avatar"'
SELECT_SESSION = 'FROM "inquirly_contacts_contactinbox"'
UPDATE_SESSION = 'UPDATE "inquirly_contacts_contactinbox"'
MOVE_SESSION = UPDATE_SESSION + ' SET "contact_id"'


def nothing():
    """Let the statement run as it is."""


# Before the transaction in which a sign-in joins there is the one with the look, and on SQLite, which sends the change
# at once in several statements, the one with these.
UNTIL_IT_JOINS = [nothing, nothing] * (2 if connection.vendor == "sqlite" else 1)

# With these a change takes a lock, on every database.
NAME_AND_PLAN = {"name": "Ada", "custom_attributes": {"plan": "pro"}}


@pytest.fixture
def rotate(visitor):
    """Change the session as the sign-in of another request does."""
    return lambda: ContactInbox.objects.filter(pk=visitor.pk).update(source_id="rotated")


@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "claimed"])
def test_a_create_begins_again_when_the_contact_that_was_in_its_way_has_gone(client, inbox, is_signed):
    inbox.match_claims = True
    inbox.save()
    fields = signed(inbox, "user-7") if is_signed else {"identifier": "user-7"}
    in_the_way = ContactInbox.objects.get(source_id=create_contact(client, inbox, **fields).json()["source_id"])

    with before(LOCK_CONTACT, in_the_way.contact.delete):  # which is undone with the first attempt
        response = create_contact(client, inbox, name="Ada", **fields)

    assert response.status_code == 200
    assert response.json() == public_contact(ContactInbox.objects.latest("pk"))
    assert Contact.objects.get().name == "Ada"


def test_a_create_begins_again_when_the_contact_was_made_in_the_meantime(client, inbox):
    def another():
        ContactFactory(account=inbox.account, identifier="user-7")

    with before(INSERT_CONTACT, another):
        response = create_contact(client, inbox, **signed(inbox, "user-7", name="Ada"))

    assert response.status_code == 200
    assert response.json() == public_contact(ContactInbox.objects.get())
    assert Contact.objects.get().name == "Ada"


def test_a_create_with_a_key_begins_again_in_its_own_transaction(client, inbox):
    def another():
        ContactFactory(account=inbox.account, identifier="user-7")

    with before(INSERT_CONTACT, another):
        answers = [create_with_key(client, inbox, "key", **signed(inbox, "user-7")) for _time in range(2)]

    assert [answer.json() for answer in answers] == [public_contact(ContactInbox.objects.get())] * 2
    assert Contact.objects.count() == 1


def test_a_change_begins_again_when_the_session_has_moved(client, visitor, rotate):
    with before(UPDATE_SESSION, rotate):
        response = update_contact(client, visitor, **NAME_AND_PLAN)

    assert response.status_code == 200
    assert response.json() == public_contact(visitor)
    assert Contact.objects.get().name == "Ada"


@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "claimed"])
def test_a_sign_in_or_claim_begins_again_when_the_session_has_moved(client, inbox, visitor, rotate, is_signed):
    inbox.match_claims = True
    inbox.save()
    fields = signed(inbox, "user-7") if is_signed else {"identifier": "user-7"}
    with before(MOVE_SESSION, rotate):  # which is undone with the first attempt
        response = update_contact(client, visitor, **fields)

    assert response.status_code == 200
    assert response.json() == public_contact(ContactInbox.objects.get())
    assert (Contact.objects.get().identifier or Contact.objects.get().claimed_identifier) == "user-7"


def test_a_change_begins_again_when_the_contact_was_merged_away_under_the_lock(client, visitor):
    elsewhere = InboxFactory()

    def move(inbox):
        return lambda: ContactInbox.objects.filter(pk=visitor.pk).update(inbox=inbox)

    with before(SELECT_SESSION, move(elsewhere), move(visitor.inbox)):
        response = update_contact(client, visitor, **NAME_AND_PLAN)

    assert response.status_code == 200
    assert response.json() == public_contact(visitor)


def test_a_change_that_is_overtaken_time_and_again_is_refused_and_stores_nothing(client, visitor, rotate):
    rows = stored()
    with before(UPDATE_SESSION, *[rotate] * ATTEMPTS):
        response = update_contact(client, visitor, **NAME_AND_PLAN)

    assert response.status_code == 503
    assert response.json() == problem(503)
    assert stored() == rows


def test_a_sign_in_goes_on_when_staff_have_merged_the_visitor(client, inbox, visitor):
    base = ContactFactory(account=inbox.account, email="ada@example.com")
    with before("SAVEPOINT", *UNTIL_IT_JOINS, lambda: merge(base, visitor.contact)):
        response = update_contact(client, visitor, **signed(inbox, "user-7", name="Ada"))

    contact = Contact.objects.get()
    assert response.status_code == 200
    assert response.json() == public_contact(ContactInbox.objects.get())
    assert (contact.pk, contact.identifier, contact.name, contact.email) == (
        base.pk,
        "user-7",
        "Ada",
        "ada@example.com",
    )


def test_of_two_sign_ins_of_one_session_the_second_no_longer_finds_it(client, inbox, visitor, rotate):
    with before("SAVEPOINT", *UNTIL_IT_JOINS, rotate):
        response = update_contact(client, visitor, **signed(inbox, "user-7", name="Ada"))

    assert response.status_code == 404
    assert response.json() == problem(404)
    assert not Contact.objects.exclude(identifier=None).exists()


def test_a_sign_in_stops_when_the_contact_was_blocked_in_the_meantime(client, inbox, visitor):
    with before("SAVEPOINT", *UNTIL_IT_JOINS, lambda: Contact.objects.update(blocked=True)):
        response = update_contact(client, visitor, **signed(inbox, "user-7"))

    assert response.status_code == 403


def test_a_sign_in_stops_when_the_contact_became_somebody_else_in_the_meantime(client, inbox, visitor):
    with before("SAVEPOINT", *UNTIL_IT_JOINS, lambda: Contact.objects.update(identifier="user-8")):
        response = update_contact(client, visitor, **signed(inbox, "user-7"))

    assert response.status_code == 401
    assert Contact.objects.get().identifier == "user-8"
