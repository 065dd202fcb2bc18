"""``match_claims``: unsigned requests that claim the same identifier share one unverified contact."""

import pytest
from django.db import connection

from contacts import sessions
from contacts.models import Contact, ContactInbox

from .api import create_contact, problem, public_contact, signed, stored, update_contact
from .factories import ContactFactory, ContactInboxFactory, InboxFactory


@pytest.fixture
def inbox(db):
    return InboxFactory(match_claims=True)


def test_the_switch_is_off_unless_set(db):
    assert not InboxFactory().match_claims


def test_two_visitors_with_the_same_claim_share_a_contact(client, inbox):
    first = create_contact(client, inbox, identifier="user-7", name="Ada").json()
    second = create_contact(client, inbox, identifier="user-7", email="ada@example.com").json()

    assert second == {
        **first,
        "email": "ada@example.com",
        **{key: second[key] for key in ("source_id", "pubsub_token")},
    }
    assert second["source_id"] != first["source_id"]
    assert Contact.objects.get().claimed_identifier == "user-7"
    assert not Contact.objects.get().verified


def test_visitors_without_claim_share_nothing(client, inbox):
    assert create_contact(client, inbox).json()["id"] != create_contact(client, inbox).json()["id"]


def test_inboxes_of_an_account_that_match_claims_share(client, inbox):
    other = InboxFactory(account=inbox.account, match_claims=True)

    first, second = (create_contact(client, one, identifier="user-7").json() for one in (inbox, other))
    assert first["id"] == second["id"]


@pytest.mark.parametrize("same_account", [True, False])
def test_nothing_is_shared_with_other_inboxes(client, inbox, same_account):
    other = InboxFactory(match_claims=not same_account, **({"account": inbox.account} if same_account else {}))

    first, second = (create_contact(client, one, identifier="user-7").json() for one in (other, inbox))
    assert first["id"] != second["id"]


def test_a_claim_leads_to_its_own_contact_among_others(client, inbox):
    create_contact(client, InboxFactory(match_claims=True), identifier="user-7", name="Of another account")
    create_contact(client, inbox, identifier="user-6", name="Of another claim")
    first, second = (create_contact(client, inbox, identifier="user-7").json() for _time in range(2))

    assert second == {**first, **{key: second[key] for key in ("source_id", "pubsub_token")}}
    assert second["name"] == ""


def test_a_verified_contact_is_never_matched(client, inbox):
    verified = ContactFactory(account=inbox.account, identifier="user-7", name="Ada")
    before = stored()
    response = create_contact(client, inbox, identifier="user-7", name="Mallory")

    assert response.json()["id"] != verified.pk
    assert [row for row in stored() if row in before] == before


def test_after_the_owner_signed_in_the_claim_leads_elsewhere(client, inbox):
    shared = create_contact(client, inbox, identifier="user-7").json()
    session = ContactInbox.objects.get(source_id=shared["source_id"])
    update_contact(client, session, **signed(inbox, "user-7", name="Ada"))
    later = create_contact(client, inbox, identifier="user-7", name="Mallory").json()

    assert later["id"] != shared["id"]
    assert Contact.objects.get(identifier="user-7").name == "Ada"


def test_a_signed_request_does_not_meet_the_shared_contact(client, inbox):
    shared = create_contact(client, inbox, identifier="user-7").json()
    response = create_contact(client, inbox, **signed(inbox, "user-7"))

    assert response.json()["id"] != shared["id"]


def test_a_visitor_who_claims_later_is_folded_into_the_shared_contact(client, inbox):
    shared = create_contact(client, inbox, identifier="user-7", name="Ada").json()
    visitor = ContactInboxFactory(inbox=inbox)
    Contact.objects.filter(pk=visitor.contact.pk).update(name="Visitor", email="v@example.com")
    response = update_contact(client, visitor, identifier="user-7")

    assert response.json() == public_contact(visitor)
    assert response.json() == {
        "id": shared["id"],
        "source_id": visitor.source_id,
        "pubsub_token": visitor.pubsub_token,
        "name": "Ada",
        "email": "v@example.com",
        "phone_number": None,
    }
    assert not Contact.objects.filter(pk=visitor.contact.pk).exists()
    assert not ContactInbox.objects.filter(hmac_verified=True).exists()


def test_the_first_to_claim_later_shares_their_contact(client, inbox):
    visitor = ContactInboxFactory(inbox=inbox)
    update_contact(client, visitor, identifier="user-7", name="Ada")
    response = create_contact(client, inbox, identifier="user-7")

    assert response.json()["id"] == visitor.contact.pk
    assert response.json()["name"] == "Ada"


def test_a_visitor_with_another_session_leaves_their_contact_as_it_is(client, inbox):
    visitor = ContactInboxFactory(inbox=inbox)
    other = ContactInboxFactory(inbox=inbox, contact=visitor.contact)
    before = public_contact(other)
    response = update_contact(client, visitor, identifier="user-7")

    assert response.json()["id"] != visitor.contact.pk
    assert public_contact(other) == before


@pytest.mark.parametrize("somebody_is_there", [True, False])
def test_who_claims_somebody_else_takes_nothing_along(client, inbox, somebody_is_there):
    first = create_contact(client, inbox, identifier="user-7", name="Ada").json()
    if somebody_is_there:
        create_contact(client, inbox, identifier="user-8")
    session = ContactInbox.objects.get(source_id=first["source_id"])
    response = update_contact(client, session, identifier="user-8")

    assert response.json()["id"] == Contact.objects.get(claimed_identifier="user-8").pk
    assert response.json()["name"] == ""
    assert Contact.objects.get(pk=first["id"]).name == "Ada"


def test_repeating_the_claim_stays_where_it_is(client, inbox):
    first = create_contact(client, inbox, identifier="user-7").json()
    session = ContactInbox.objects.get()
    response = update_contact(client, session, identifier="user-7", name="Ada")

    assert response.json() == {**first, "name": "Ada"}


def test_a_verified_contact_does_not_follow_its_identifier_as_a_claim(client, inbox, customer):
    shared = create_contact(client, inbox, identifier="user-7", name="Mallory").json()
    response = update_contact(client, customer, identifier="user-7")

    assert response.json() == public_contact(customer)
    assert response.json()["id"] == customer.contact.pk != shared["id"]
    assert response.json()["name"] == "Ada"


def test_claims_of_a_blocked_contact_are_refused(client, inbox):
    create_contact(client, inbox, identifier="user-7")
    Contact.objects.update(blocked=True)
    before = stored()

    assert create_contact(client, inbox, identifier="user-7").status_code == 403
    assert stored() == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite never gives an id that is taken")
@pytest.mark.parametrize("fields", [{}, {"identifier": "user-7"}], ids=["nobody", "a-claim"])
def test_who_names_nobody_meets_nobody_also_where_ids_are_taken(client, inbox, fields):
    # A restored backup may set the sequence back: then the insert finds the id of somebody else.
    first, *_others = ContactFactory.create_batch(sessions.ATTEMPTS + 1, account=inbox.account)
    with connection.cursor() as cursor:
        table = Contact._meta.db_table
        cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [table, first.pk])
    before = stored()

    response = create_contact(client, inbox, name="Mallory", **fields)

    assert response.status_code == 503
    assert response.json() == problem(503)
    assert stored() == before
