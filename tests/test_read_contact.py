"""GET …/contacts/{source_id}: what a session may see."""

import pytest

from contacts.models import Contact, ContactInbox

from .api import INBOXES, problem, public_contact, read_contact, signed, stored
from .factories import ContactInboxFactory, InboxFactory


def test_a_session_reads_its_own_contact(client, customer):
    response = read_contact(client, customer)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.json() == {
        "id": customer.contact.pk,
        "source_id": customer.source_id,
        "pubsub_token": customer.pubsub_token,
        "name": "Ada",
        "email": "ada@example.com",
        "phone_number": "+12025550123",
    }


def test_reading_writes_nothing(client, customer):
    before = stored()
    read_contact(client, customer)

    assert stored() == before


def test_the_holder_of_the_identifier_may_sign_the_request(client, inbox, customer):
    response = read_contact(client, customer, **signed(inbox, "user-7"))

    assert response.status_code == 200
    assert response.json() == public_contact(customer)


def test_a_wrong_hash_is_refused_where_none_is_needed(client, customer):
    response = read_contact(client, customer, identifier="user-7", identifier_hash="0" * 64)

    assert response.status_code == 401
    assert response.json() == problem(401)


def test_a_hash_without_identifier_is_refused(client, customer):
    assert read_contact(client, customer, identifier_hash="0" * 64).status_code == 401


def test_a_blank_hash_is_no_hash(client, customer):
    assert read_contact(client, customer, identifier="user-8", identifier_hash="").status_code == 200


@pytest.mark.parametrize("whose", ["visitor", "customer"])
def test_who_signs_for_somebody_else_is_shown_nothing(client, inbox, whose, request):
    session = request.getfixturevalue(whose)
    response = read_contact(client, session, **signed(inbox, "user-8"))

    assert response.status_code == 401
    assert response.json() == problem(401)


def test_a_claim_is_no_identifier(client, inbox, visitor):
    Contact.objects.update(claimed_identifier="user-8")

    assert read_contact(client, visitor, **signed(inbox, "user-8")).status_code == 401


def test_a_mandatory_inbox_shows_verified_sessions_only(client, inbox, visitor, customer):
    inbox.hmac_mandatory = True
    inbox.save()

    assert read_contact(client, visitor).status_code == 401
    assert read_contact(client, visitor).json() == problem(401)
    assert read_contact(client, customer).status_code == 200


def test_a_mandatory_inbox_shows_the_contact_to_who_signs_for_it(client, inbox, customer):
    inbox.hmac_mandatory = True
    inbox.save()
    ContactInbox.objects.update(hmac_verified=False)

    assert read_contact(client, customer).status_code == 401
    assert read_contact(client, customer, **signed(inbox, "user-7")).status_code == 200


def test_a_session_is_found_only_through_its_own_inbox(client, inbox, customer):
    other = InboxFactory(account=inbox.account)
    response = client.get(f"{INBOXES}/{other.identifier}/contacts/{customer.source_id}")

    assert response.status_code == 404
    assert response.json() == problem(404)


def test_unknown_sessions_and_inboxes_have_one_answer(client, inbox, customer):
    unknown_session = read_contact(client, ContactInboxFactory.build(inbox=inbox, contact=None))
    unknown_inbox = client.get(f"{INBOXES}/unknown/contacts/{customer.source_id}")

    assert unknown_session.status_code == unknown_inbox.status_code == 404
    assert unknown_session.content == unknown_inbox.content


def test_a_source_id_is_taken_letter_by_letter(client, customer):
    ContactInbox.objects.filter(pk=customer.pk).update(source_id="abcDEF")
    customer.source_id = "abcdef"

    assert read_contact(client, customer).status_code == 404


def test_a_blocked_contact_can_still_be_read(client, customer):
    Contact.objects.update(blocked=True)

    assert read_contact(client, customer).status_code == 200


def test_the_number_of_the_contact_opens_nothing(client, inbox, customer):
    assert client.get(f"{INBOXES}/{inbox.identifier}/contacts/{customer.contact.pk}").status_code == 404
