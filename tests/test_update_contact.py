"""PATCH …/contacts/{source_id}: what a session may change. Signing in has a file of its own."""

import pytest

from contacts import sessions
from contacts.models import Contact, ContactInbox

from .api import INBOXES, contact_url, problem, public_contact, signed, stored, update_contact
from .factories import ContactInboxFactory, InboxFactory


def test_a_visitor_changes_everything_of_their_contact(client, visitor):
    response = update_contact(
        client,
        visitor,
        identifier="user-9",
        name="Ada",
        email="Ada@example.com",
        phone_number="+1 202 555 0123",
        avatar_url="https://example.com/ada.png",
        custom_attributes={"plan": "pro"},
    )
    visitor.contact.refresh_from_db()

    assert response.status_code == 200
    assert response.json() == public_contact(visitor)
    assert response.json()["source_id"] == visitor.source_id
    assert Contact.objects.filter(
        identifier=None,
        claimed_identifier="user-9",
        name="Ada",
        email="ada@example.com",
        phone_number="+12025550123",
        avatar_url="https://example.com/ada.png",
        custom_attributes={"plan": "pro"},
    ).exists()


@pytest.mark.parametrize(
    ("who", "fields"),
    [
        ("visitor", {"name": "Ada"}),
        ("visitor", {"name": "Ada", "email": "ada@example.com", "phone_number": "+12025550123"}),
        ("customer", {"name": "Grace"}),
        ("customer, signed", {"email": "grace@example.com"}),
        ("customer, signed", {"name": "Grace", "email": "grace@example.com", "phone_number": "+12025550199"}),
    ],
)
def test_what_only_has_to_be_written_is_not_looked_at_under_a_lock(client, request, monkeypatch, who, fields):
    monkeypatch.setattr(sessions, "lock", lambda *args: pytest.fail("The session was locked."))
    name, _comma, is_signed = who.partition(", ")
    session = request.getfixturevalue(name)
    response = update_contact(client, session, **(signed(session.inbox, "user-7", **fields) if is_signed else fields))

    assert response.status_code == 200
    assert response.json() == {**public_contact(session), **fields}


def test_a_claim_leads_to_nobody_where_claims_are_not_shared(client, inbox, visitor):
    before = public_contact(ContactInboxFactory(inbox=inbox, contact__claimed_identifier="user-9", contact__name="Ada"))
    response = update_contact(client, visitor, identifier="user-9")

    assert response.json() == public_contact(visitor)
    assert response.json()["id"] == visitor.contact.pk != before["id"]
    assert response.json()["name"] == ""


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_blank_clear_nothing(client, customer, nothing):
    before = public_contact(customer)
    response = update_contact(
        client,
        customer,
        name=nothing,
        email=nothing,
        phone_number=nothing,
        identifier=nothing,
        custom_attributes=nothing,
    )

    assert response.status_code == 200
    assert response.json() == before == public_contact(customer)


def test_put_means_patch(client, customer):
    response = client.put(contact_url(customer), {"name": "Countess"}, content_type="application/json")

    assert response.status_code == 200
    assert response.json() == {**public_contact(customer), "name": "Countess", "email": "ada@example.com"}


def test_attributes_merge_deeply_lists_are_replaced_and_null_removes(client, visitor):
    visitor.contact.custom_attributes = {"a": {"b": 1, "c": 2}, "tags": [1, 2], "gone": 1, "kept": True, "plain": 1}
    visitor.contact.save()
    update_contact(
        client, visitor, custom_attributes={"a": {"b": None, "d": 3}, "tags": [3], "gone": None, "plain": {"now": None}}
    )
    visitor.contact.refresh_from_db()

    assert visitor.contact.custom_attributes == {"a": {"c": 2, "d": 3}, "tags": [3], "kept": True, "plain": {}}


def test_the_moments_of_activity_are_kept(client, visitor):
    update_contact(client, visitor, name="Ada")
    session = ContactInbox.objects.get()

    assert session.last_seen_at > visitor.last_seen_at
    assert session.contact.last_activity_at > visitor.contact.last_activity_at


def test_without_signature_the_name_picture_and_attributes_of_a_verified_contact_change(client, customer):
    response = update_contact(
        client, customer, name="Countess", avatar_url="https://example.com/a.png", custom_attributes={"a": 1}
    )
    customer.contact.refresh_from_db()

    assert response.status_code == 200
    assert response.json() == public_contact(customer)
    assert customer.contact.name == "Countess"
    assert customer.contact.avatar_url == "https://example.com/a.png"
    assert customer.contact.custom_attributes == {"a": 1}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"identifier": "user-8"}, id="identifier"),
        pytest.param({"identifier": "USER-7"}, id="spelling"),
        pytest.param({"email": "mallory@example.com"}, id="email"),
        pytest.param({"phone_number": "+12025550199"}, id="phone"),
        pytest.param({"name": "Mallory", "email": "mallory@example.com"}, id="all-or-nothing"),
    ],
)
def test_without_signature_who_a_verified_contact_is_does_not_change(client, customer, fields):
    before = stored()
    response = update_contact(client, customer, **fields)

    assert response.status_code == 401
    assert response.json() == problem(401)
    assert stored() == before


def test_without_signature_an_email_is_not_added_to_a_verified_contact(client, inbox, customer):
    Contact.objects.update(email="")

    assert update_contact(client, customer, email="mallory@example.com").status_code == 401


def test_sending_the_value_that_is_there_is_fine(client, customer):
    response = update_contact(
        client,
        customer,
        identifier="user-7",
        email="ADA@example.com",
        phone_number="+1 (202) 555-0123",
        name="Countess",
    )
    contact = Contact.objects.get()

    assert response.status_code == 200
    assert (contact.name, contact.identifier, contact.claimed_identifier) == ("Countess", "user-7", "")


def test_the_signed_holder_changes_everything_and_keeps_the_session(client, inbox, customer):
    response = update_contact(
        client, customer, **signed(inbox, "user-7", email="new@example.com", phone_number="+12025550199")
    )

    assert response.status_code == 200
    assert response.json() == {
        "id": customer.contact.pk,
        "source_id": customer.source_id,
        "pubsub_token": customer.pubsub_token,
        "name": "Ada",
        "email": "new@example.com",
        "phone_number": "+12025550199",
    }
    assert public_contact(customer) == response.json()


def test_who_signs_for_somebody_else_changes_nothing(client, inbox, customer):
    before = stored()
    response = update_contact(client, customer, **signed(inbox, "user-8", name="Mallory"))

    assert response.status_code == 401
    assert response.json() == problem(401)
    assert stored() == before


def test_a_wrong_hash_changes_nothing(client, customer):
    before = stored()
    response = update_contact(client, customer, identifier="user-7", identifier_hash="0" * 64, name="Mallory")

    assert response.status_code == 401
    assert stored() == before


def test_a_mandatory_inbox_takes_signed_changes_only(client, inbox, customer):
    inbox.hmac_mandatory = True
    inbox.save()
    before = stored()

    assert update_contact(client, customer, name="Mallory").status_code == 401
    assert update_contact(client, customer, name=5).status_code == 401
    assert stored() == before
    assert update_contact(client, customer, **signed(inbox, "user-7", name="Countess")).status_code == 200


@pytest.mark.parametrize("sign", [True, False])
def test_a_blocked_contact_is_not_changed(client, inbox, customer, sign):
    Contact.objects.update(blocked=True)
    before = stored()
    fields = signed(inbox, "user-7", name="Back") if sign else {"name": "Back"}
    response = update_contact(client, customer, **fields)

    assert response.status_code == 403
    assert response.json() == problem(403)
    assert stored() == before


@pytest.mark.parametrize("sign", [True, False])
def test_unknown_sessions_and_sessions_of_another_inbox_have_one_answer(client, inbox, customer, sign):
    other = InboxFactory(account=inbox.account)
    foreign = ContactInboxFactory(inbox=other, contact=customer.contact)
    foreign.inbox = inbox
    fields = signed(inbox, "user-7") if sign else {}
    answers = [
        update_contact(client, foreign, **fields),
        update_contact(client, ContactInboxFactory.build(inbox=inbox, contact=None), **fields),
        client.patch(f"{INBOXES}/unknown/contacts/x", {}, content_type="application/json"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert {answer.content for answer in answers} == {answers[0].content}


def test_invalid_fields_change_nothing(client, customer):
    before = stored()
    response = update_contact(client, customer, name="Countess", email="nobody", phone_number="0")

    assert response.status_code == 422
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [
        ("email", "invalid"),
        ("phone_number", "invalid_phone_number"),
    ]
    assert stored() == before


def test_attributes_are_counted_after_merging(client, visitor):
    visitor.contact.custom_attributes = {"old": "x" * 20_000}
    visitor.contact.save()
    before = stored()
    response = update_contact(client, visitor, name="Ada", custom_attributes={"new": "x" * 20_000})

    assert response.status_code == 422
    assert response.json() == problem(
        422, errors=[{"field": "custom_attributes", "code": "too_large", "message": "Send at most 32768 bytes."}]
    )
    assert stored() == before


def test_removing_attributes_makes_room_for_others(client, visitor):
    visitor.contact.custom_attributes = {"old": "x" * 20_000}
    visitor.contact.save()

    assert update_contact(client, visitor, custom_attributes={"old": None, "new": "x" * 20_000}).status_code == 200
