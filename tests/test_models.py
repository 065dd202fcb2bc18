"""What the database itself refuses, and what staff may write."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError

from contacts.models import Contact, ContactInbox

from .factories import AccountFactory, ContactFactory, ContactInboxFactory, InboxFactory


def test_an_account_has_one_contact_for_each_identifier(inbox):
    ContactFactory(account=inbox.account, identifier="user-7")
    with pytest.raises(IntegrityError):
        ContactFactory(account=inbox.account, identifier="user-7")


def test_identifiers_are_compared_byte_by_byte(inbox):
    spellings = [
        "a",
        "A",
        "\N{LATIN SMALL LETTER A WITH ACUTE}",
        "a\N{COMBINING ACUTE ACCENT}",
        "a\N{ZERO WIDTH SPACE}",
    ]
    for spelling in spellings:
        ContactFactory(account=inbox.account, identifier=spelling)

    assert [Contact.objects.get(identifier=spelling).identifier for spelling in spellings] == spellings


def test_any_number_of_contacts_has_no_identifier_and_the_same_claim(inbox):
    ContactFactory.create_batch(2, account=inbox.account, claimed_identifier="user-7")

    assert Contact.objects.filter(identifier=None, claimed_identifier="user-7").count() == 2


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"identifier": ""}, id="empty-identifier"),
        pytest.param({"claim_shared": True}, id="shared-without-claim"),
        pytest.param({"claim_shared": True, "claimed_identifier": "x", "identifier": "x"}, id="shared-and-verified"),
    ],
)
def test_the_database_refuses_contacts_that_the_rules_do_not_know(inbox, fields):
    with pytest.raises(IntegrityError):
        ContactFactory(account=inbox.account, **fields)


def test_an_account_has_one_shared_contact_for_each_claim(inbox):
    ContactFactory(account=inbox.account, claimed_identifier="user-7", claim_shared=True)
    with pytest.raises(IntegrityError):
        ContactFactory(account=inbox.account, claimed_identifier="user-7", claim_shared=True)


@pytest.mark.parametrize("token", ["source_id", "pubsub_token"])
def test_no_two_sessions_share_a_token(visitor, token):
    with pytest.raises(IntegrityError):
        ContactInboxFactory(inbox=visitor.inbox, **{token: getattr(visitor, token)})


def test_with_a_contact_its_sessions_go(visitor):
    visitor.contact.delete()

    assert not ContactInbox.objects.exists()


def test_with_an_inbox_its_sessions_go_and_contacts_stay(visitor):
    visitor.inbox.delete()

    assert not ContactInbox.objects.exists()
    assert Contact.objects.get() == visitor.contact


@pytest.mark.parametrize("factory", [InboxFactory, ContactFactory])
def test_an_account_in_use_is_not_deleted(db, factory):
    account = factory().account
    with pytest.raises(ProtectedError):
        account.delete()


def test_an_identifier_set_by_staff_verifies_the_contact(inbox):
    contact = ContactFactory(account=inbox.account, claimed_identifier="user-7", claim_shared=True)
    contact.identifier = "user-7"
    contact.email = "Ada@Example.com"
    contact.full_clean()
    contact.save()

    assert (contact.verified, contact.claimed_identifier, contact.claim_shared) == (True, "", False)
    assert contact.email == "ada@example.com"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("identifier", " x"),
        ("identifier", "x\n"),
        ("name", "a\x00b"),
        ("email", "nobody"),
        ("phone_number", "0123"),
        ("avatar_url", "javascript:alert(1)"),
        ("custom_attributes", ["list"]),
    ],
)
def test_staff_write_what_clients_may_send(inbox, field, value):
    contact = ContactFactory.build(account=inbox.account, **{field: value})
    with pytest.raises(ValidationError) as refusal:
        contact.full_clean()

    assert refusal.value.error_dict.keys() == {field}


DAY = {
    "closed_all_day": False,
    "open_hour": 9,
    "open_minutes": 0,
    "close_hour": 17,
    "close_minutes": 30,
    "open_all_day": False,
}
WEEK = [{"day_of_week": day, **DAY} for day in range(7)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("timezone", "Mars/Olympus", id="timezone"),
        pytest.param("allowed_origins", "https://a.example", id="origins-text"),
        pytest.param("allowed_origins", ["https://a.example/"], id="origin-slash"),
        pytest.param("allowed_origins", ["https://a.example:443"], id="origin-usual-port"),
        pytest.param("allowed_origins", ["http://a.example:80/"], id="origin-usual-port-and-slash"),
        pytest.param("allowed_origins", ["https://a.example:08443"], id="origin-port-with-a-zero"),
        pytest.param("allowed_origins", ["https://:443"], id="origin-of-a-port"),
        pytest.param("allowed_origins", ["https://A.example"], id="origin-capital"),
        pytest.param("allowed_origins", ["a.example"], id="origin-without-scheme"),
        pytest.param("allowed_origins", ["*"], id="origin-star"),
        pytest.param("allowed_origins", [7], id="origin-number"),
        pytest.param("working_hours", {}, id="hours-object"),
        pytest.param("working_hours", WEEK[:6], id="six-days"),
        pytest.param("working_hours", [None, *WEEK[1:]], id="no-day"),
        pytest.param("working_hours", WEEK[::-1], id="saturday-first"),
        pytest.param("working_hours", [{**WEEK[0], "extra": 1}, *WEEK[1:]], id="extra-key"),
        pytest.param("working_hours", [{**WEEK[0], "open_hour": 24}, *WEEK[1:]], id="hour-24"),
        pytest.param("working_hours", [{**WEEK[0], "open_minutes": 60}, *WEEK[1:]], id="minute-60"),
        pytest.param("working_hours", [{**WEEK[0], "open_hour": True}, *WEEK[1:]], id="hour-true"),
        pytest.param("working_hours", [{**WEEK[0], "open_hour": None}, *WEEK[1:]], id="open-without-hour"),
        pytest.param("working_hours", [{**WEEK[0], "closed_all_day": 1}, *WEEK[1:]], id="flag-number"),
        pytest.param(
            "working_hours",
            [{**WEEK[0], "closed_all_day": True, "open_all_day": True}, *WEEK[1:]],
            id="open-and-closed",
        ),
    ],
)
def test_an_inbox_is_not_set_up_wrongly(db, field, value):
    inbox = InboxFactory.build(account=AccountFactory(), **{field: value})
    with pytest.raises(ValidationError) as refusal:
        inbox.full_clean()

    assert refusal.value.error_dict.keys() == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Europe/Berlin"),
        ("allowed_origins", []),
        ("allowed_origins", ["https://a.example:80", "http://a.example:443", "http://[::1]:8000", "http://[::80]"]),
        ("working_hours", WEEK),
        ("working_hours", [{**WEEK[0], "closed_all_day": True}, *WEEK[1:]]),
    ],
)
def test_an_inbox_is_set_up(db, field, value):
    inbox = InboxFactory.build(account=AccountFactory(), **{field: value})
    inbox.full_clean()
    inbox.save()
    inbox.refresh_from_db()

    assert getattr(inbox, field) == value


def test_names_are_what_staff_see(db):
    account = AccountFactory(name="Shop")

    assert str(account) == "Shop"
    assert str(InboxFactory(name="Website", account=account)) == "Website"
    assert str(ada := ContactFactory(name="Ada", account=account)) == f"#{ada.pk} Ada"
    assert str(nobody := ContactFactory(email="ada@example.com", account=account)) == f"#{nobody.pk}"


def test_a_session_does_not_tell_its_secrets(visitor):
    assert str(visitor) == f"#{visitor.pk}"
    assert visitor.source_id not in repr(visitor)


def test_a_copy_without_a_number_is_a_new_row(customer):
    copies = [Contact.objects.get(), ContactInbox.objects.get()]
    for copy, new in zip(copies, [{"identifier": None}, {"source_id": "new", "pubsub_token": "new"}], strict=True):
        copy.pk = None
        for name, value in new.items():
            setattr(copy, name, value)
        copy.save()

    assert (Contact.objects.count(), ContactInbox.objects.count()) == (2, 2)


def test_a_copy_gets_a_picture_of_its_own(db):
    contact = ContactFactory(avatar_url="https://example.com/a.png")
    Contact.objects.update(avatar="avatars/a.webp", avatar_next="avatars/b.webp", avatar_state="fetched")
    copy = Contact.objects.get()
    copy.pk = None
    copy.save()

    pictures = list(Contact.objects.order_by("pk").values_list("pk", "avatar", "avatar_next"))
    assert pictures == [(contact.pk, "avatars/a.webp", "avatars/b.webp"), (copy.pk, "", "")]
    assert copy.avatar_state == "due"


def test_a_new_contact_keeps_the_picture_that_it_comes_with(db):
    ContactFactory(avatar="avatars/a.webp")

    assert Contact.objects.get().avatar == "avatars/a.webp"
