"""Staff merge two contacts of one account."""

import pytest

from contacts.merge import merge
from contacts.models import Contact, ContactInbox, ContactMerge

from .api import create_contact, public_contact, read_contact, signed, stored
from .factories import AccountFactory, ContactFactory, ContactInboxFactory


def test_the_base_wins_and_its_blanks_are_filled(db):
    account = AccountFactory()
    base = ContactFactory(account=account, name="Ada", custom_attributes={"plan": "pro", "seats": {"max": 3}})
    mergee = ContactFactory(
        account=account,
        name="A. Lovelace",
        email="ada@example.com",
        phone_number="+12025550123",
        avatar_url="https://example.com/ada.png",
        custom_attributes={"plan": "free", "seats": {"used": 1}, "seen": True},
    )
    merged = merge(base, mergee)

    assert merged == base == Contact.objects.get()
    base.refresh_from_db()
    assert (base.name, base.email, base.phone_number) == ("Ada", "ada@example.com", "+12025550123")
    assert base.avatar_url == "https://example.com/ada.png"
    assert base.custom_attributes == {"plan": "pro", "seats": {"max": 3, "used": 1}, "seen": True}


def test_a_name_is_filled_like_any_other_blank(db):
    base = ContactFactory()

    assert merge(base, ContactFactory(account=base.account, name="Ada")).name == "Ada"


def test_sessions_move_and_keep_their_tokens(client, inbox, visitor, customer):
    before = public_contact(visitor)
    merge(customer.contact, visitor.contact)
    response = read_contact(client, visitor)

    assert response.json() == {
        **before,
        "id": customer.contact.pk,
        "name": "Ada",
        "email": "ada@example.com",
        "phone_number": "+12025550123",
    }
    assert ContactInbox.objects.filter(contact=customer.contact).count() == 2


def test_a_record_of_both_as_they_were_stays(db):
    account = AccountFactory()
    base = ContactFactory(account=account, name="Ada", identifier="user-7")
    mergee = ContactFactory(account=account, name="A. Lovelace", email="ada@example.com")
    merge(base, mergee)
    record = ContactMerge.objects.get()
    Contact.objects.all().delete()

    assert ContactMerge.objects.get() == record
    assert (record.account, record.base_contact_id, record.mergee_contact_id) == (account, base.pk, mergee.pk)
    assert {key: record.base_contact[key] for key in ("name", "email", "identifier")} == {
        "name": "Ada",
        "email": "",
        "identifier": "user-7",
    }
    assert {key: record.mergee_contact[key] for key in ("name", "email", "identifier")} == {
        "name": "A. Lovelace",
        "email": "ada@example.com",
        "identifier": None,
    }


def test_an_unverified_base_takes_over_the_identifier(client, inbox, visitor, customer):
    Contact.objects.filter(pk=visitor.contact.pk).update(claimed_identifier="user-9", claim_shared=True)
    merge(visitor.contact, customer.contact)
    base = Contact.objects.get()

    assert (base.pk, base.identifier, base.claimed_identifier, base.claim_shared) == (
        visitor.contact.pk,
        "user-7",
        "",
        False,
    )
    assert create_contact(client, inbox, **signed(inbox, "user-7")).json()["id"] == base.pk


def test_a_verified_base_keeps_its_identifier(db):
    account = AccountFactory()
    base = ContactFactory(account=account, identifier="user-7")
    merge(base, ContactFactory(account=account, identifier="user-8"))

    assert Contact.objects.get().identifier == "user-7"


@pytest.mark.parametrize(("mine", "result"), [("", ("user-9", True)), ("user-8", ("user-8", False))])
def test_a_claim_is_filled_like_any_other_blank(db, mine, result):
    account = AccountFactory()
    base = ContactFactory(account=account, claimed_identifier=mine)
    merge(base, ContactFactory(account=account, claimed_identifier="user-9", claim_shared=True))
    contact = Contact.objects.get()

    assert (contact.claimed_identifier, contact.claim_shared) == result


def test_a_verified_base_does_not_take_a_claim(db):
    account = AccountFactory()
    base = ContactFactory(account=account, identifier="user-7")
    merge(base, ContactFactory(account=account, claimed_identifier="user-9", claim_shared=True))
    contact = Contact.objects.get()

    assert (contact.identifier, contact.claimed_identifier, contact.claim_shared) == ("user-7", "", False)


def test_the_later_activity_counts(db):
    account = AccountFactory()
    base = ContactFactory(account=account)
    mergee = ContactFactory(account=account)

    assert merge(base, mergee).last_activity_at == mergee.last_activity_at


def test_contacts_of_two_accounts_are_not_merged(visitor):
    other = ContactInboxFactory()
    before = stored()
    with pytest.raises(ValueError, match=r"^A merge takes two contacts of one account\.$"):
        merge(visitor.contact, other.contact)

    assert stored() == before


def test_a_contact_is_not_merged_with_itself(visitor):
    with pytest.raises(ValueError, match="two contacts"):
        merge(visitor.contact, visitor.contact)

    assert Contact.objects.get() == visitor.contact


def test_a_contact_that_is_gone_is_not_merged(visitor):
    gone = ContactFactory(account=visitor.inbox.account)
    Contact.objects.filter(pk=gone.pk).delete()
    before = stored()
    with pytest.raises(Contact.DoesNotExist):
        merge(visitor.contact, gone)

    assert stored() == before
    assert not ContactMerge.objects.exists()


def test_what_is_merged_is_what_is_stored_now(visitor):
    stale = ContactFactory(account=visitor.inbox.account)
    Contact.objects.filter(pk=stale.pk).update(email="late@example.com")
    merge(visitor.contact, stale)

    assert Contact.objects.get().email == "late@example.com"
