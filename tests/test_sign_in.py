"""A signed PATCH from a session that is not verified: the visitor becomes somebody."""

import pytest
from django.db.models.signals import post_init

from contacts.attributes import merged
from contacts.models import Contact, ContactInbox

from .api import problem, public_contact, read_contact, signed, stored, update_contact
from .factories import ContactFactory, ContactInboxFactory, InboxFactory


@pytest.fixture
def known(inbox) -> Contact:
    """The verified contact that has the identifier already."""
    return ContactFactory(
        account=inbox.account, identifier="user-7", name="Ada", custom_attributes={"plan": "pro", "seats": {"max": 3}}
    )


def test_where_nobody_has_the_identifier_the_contact_becomes_verified(client, inbox, visitor):
    ContactFactory(account=InboxFactory().account, identifier="user-7")
    Contact.objects.filter(pk=visitor.contact.pk).update(claimed_identifier="user-9", email="v@example.com")
    response = update_contact(client, visitor, **signed(inbox, "user-7", name="Ada"))
    contact = Contact.objects.get(pk=visitor.contact.pk)
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert response.json() == public_contact(session)
    assert (contact.identifier, contact.claimed_identifier) == ("user-7", "")
    assert (contact.name, contact.email) == ("Ada", "v@example.com")
    assert session.contact == contact
    assert session.hmac_verified
    assert session.last_seen_at > visitor.last_seen_at


def test_the_session_gets_new_tokens_and_the_old_ones_are_unknown(client, inbox, visitor):
    response = update_contact(client, visitor, **signed(inbox, "user-7"))
    old = read_contact(client, visitor)

    assert response.json()["source_id"] != visitor.source_id
    assert response.json()["pubsub_token"] != visitor.pubsub_token
    assert old.status_code == 404
    assert old.json() == problem(404)
    assert update_contact(client, visitor, name="Mallory").status_code == 404
    assert update_contact(client, visitor, **signed(inbox, "user-7")).status_code == 404


def test_where_somebody_has_it_the_visitor_is_folded_into_them(client, inbox, visitor, known):
    Contact.objects.filter(pk=visitor.contact.pk).update(
        name="Visitor",
        email="v@example.com",
        phone_number="+12025550123",
        custom_attributes={"plan": "free", "seats": {"max": 1, "used": 1}, "seen": True},
    )
    response = update_contact(client, visitor, **signed(inbox, "user-7"))
    session = ContactInbox.objects.get()
    known.refresh_from_db()

    assert response.json() == public_contact(session)
    assert session.contact == known
    assert session.hmac_verified
    assert session.source_id != visitor.source_id
    assert (known.name, known.email, known.phone_number) == ("Ada", "v@example.com", "+12025550123")
    assert known.custom_attributes == {"plan": "pro", "seats": {"max": 3, "used": 1}, "seen": True}
    assert Contact.objects.get() == known


def test_nobody_else_is_loaded_or_locked(client, inbox, visitor, known):
    ContactFactory.create_batch(3, account=inbox.account)
    loaded = set()

    def note(instance, **_kwargs):
        loaded.add(instance.pk)

    post_init.connect(note, sender=Contact)
    try:
        update_contact(client, visitor, **signed(inbox, "user-7"))
    finally:
        post_init.disconnect(note, sender=Contact)

    assert loaded == {visitor.contact.pk, known.pk}


def test_the_fields_of_the_request_are_stored_on_the_verified_contact(client, inbox, visitor, known):
    update_contact(
        client, visitor, **signed(inbox, "user-7", name="Countess", custom_attributes={"plan": None, "new": 1})
    )
    known.refresh_from_db()

    assert known.name == "Countess"
    assert known.custom_attributes == {"seats": {"max": 3}, "new": 1}


def test_attributes_that_do_not_fit_do_not_stop_a_sign_in(client, inbox, visitor, known):
    Contact.objects.filter(pk=visitor.contact.pk).update(custom_attributes={"big": "x" * 32_000, "small": 1})
    Contact.objects.filter(pk=known.pk).update(custom_attributes={"mine": "x" * 32_000})
    response = update_contact(client, visitor, **signed(inbox, "user-7"))
    known.refresh_from_db()

    assert response.status_code == 200
    assert known.custom_attributes == {"mine": "x" * 32_000, "small": 1}


@pytest.mark.parametrize("fits", [True, False])
def test_who_becomes_verified_loses_no_attribute(client, inbox, visitor, fits):
    known = {"prefs": {str(number): number for number in range(199)}}
    Contact.objects.filter(pk=visitor.contact.pk).update(custom_attributes=known)
    sent = {"prefs": {"0": None, "new": 1} if fits else {"new": 1}}
    before = stored()

    response = update_contact(client, visitor, **signed(inbox, "user-7", custom_attributes=sent))

    if fits:
        assert response.status_code == 200
        assert Contact.objects.get().custom_attributes == merged(known, sent)
    else:
        assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "too_many_keys")
        assert stored() == before


@pytest.mark.parametrize("somebody_has_it", [True, False])
def test_only_the_calling_session_moves(client, inbox, visitor, somebody_has_it):
    if somebody_has_it:
        ContactFactory(account=inbox.account, identifier="user-7", name="Ada")
    Contact.objects.filter(pk=visitor.contact.pk).update(name="Visitor")
    other = ContactInboxFactory(inbox=inbox, contact=visitor.contact)
    before = public_contact(other)
    response = update_contact(client, visitor, **signed(inbox, "user-7", email="ada@example.com"))
    verified = Contact.objects.get(identifier="user-7")

    assert response.status_code == 200
    assert response.json() == public_contact(ContactInbox.objects.get(pk=visitor.pk))
    assert response.json()["id"] == verified.pk != visitor.contact.pk
    assert verified.name == ("Ada" if somebody_has_it else "")
    assert verified.email == "ada@example.com"
    assert public_contact(other) == before
    assert read_contact(client, other).json() == before


def test_a_session_that_staff_merged_into_a_verified_contact_signs_in_too(client, inbox, known):
    session = ContactInboxFactory(inbox=inbox, contact=known)
    response = update_contact(client, session, **signed(inbox, "user-7", name="Countess", email="new@example.com"))
    now = ContactInbox.objects.get()

    assert response.json() == public_contact(now)
    assert now.hmac_verified
    assert now.source_id != session.source_id
    assert now.contact == known
    assert (now.contact.name, now.contact.email) == ("Countess", "new@example.com")


def test_a_verified_contact_does_not_become_somebody_else(client, inbox, known):
    session = ContactInboxFactory(inbox=inbox, contact=known)
    before = stored()
    response = update_contact(client, session, **signed(inbox, "user-8"))

    assert response.status_code == 401
    assert response.json() == problem(401)
    assert stored() == before


@pytest.mark.parametrize("who", ["visitor", "known"])
def test_nobody_signs_in_from_or_to_a_blocked_contact(client, inbox, visitor, known, who):
    Contact.objects.filter(pk=visitor.contact.pk if who == "visitor" else known.pk).update(blocked=True)
    before = stored()
    response = update_contact(client, visitor, **signed(inbox, "user-7", name="Back"))

    assert response.status_code == 403
    assert response.json() == problem(403)
    assert stored() == before


def test_a_sign_in_with_attributes_that_are_too_large_changes_nothing(client, inbox, visitor, known):
    Contact.objects.filter(pk=known.pk).update(custom_attributes={"mine": "x" * 20_000})
    before = stored()
    response = update_contact(client, visitor, **signed(inbox, "user-7", custom_attributes={"more": "x" * 20_000}))

    assert response.status_code == 422
    assert stored() == before


def test_a_visitor_signs_in_on_a_mandatory_inbox(client, inbox, visitor):
    inbox.hmac_mandatory = True
    inbox.save()
    response = update_contact(client, visitor, **signed(inbox, "user-7"))
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert read_contact(client, session).json() == response.json() == public_contact(session)


@pytest.mark.parametrize("somebody_has_it", [True, False])
def test_attributes_that_a_visitor_stored_do_not_stop_a_sign_in_that_sends_others(
    client, inbox, visitor, somebody_has_it
):
    if somebody_has_it:
        ContactFactory(account=inbox.account, identifier="user-7")
    stored_before = {str(number): number for number in range(200)}
    Contact.objects.filter(pk=visitor.contact.pk).update(custom_attributes=stored_before)
    response = update_contact(client, visitor, **signed(inbox, "user-7", custom_attributes={"plan": "pro", "0": None}))
    attributes = Contact.objects.get().custom_attributes

    assert response.status_code == 200
    assert attributes["plan"] == "pro"
    assert "0" not in attributes
    assert len(attributes) == 200


def test_what_a_sign_in_removes_does_not_come_back_from_the_visitor(client, inbox, visitor, known):
    Contact.objects.filter(pk=visitor.contact.pk).update(custom_attributes={"plan": "free", "seen": {"at": 1, "by": 2}})
    update_contact(client, visitor, **signed(inbox, "user-7", custom_attributes={"plan": None, "seen": {"at": None}}))
    known.refresh_from_db()

    assert known.custom_attributes == {"seats": {"max": 3}, "seen": {"by": 2}}


def test_a_verified_session_whose_contact_lost_its_identifier_signs_in_again(client, inbox, customer):
    Contact.objects.update(identifier=None)
    response = update_contact(client, customer, **signed(inbox, "user-8"))

    assert response.status_code == 200
    assert response.json()["source_id"] != customer.source_id
    assert Contact.objects.get().identifier == "user-8"
