"""Hosts hear what has become of contacts, once it is committed."""

from contextlib import ExitStack, contextmanager, suppress

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.dispatch import receiver

from contacts import signals
from contacts.merge import merge
from contacts.models import Contact, ContactInbox

from .api import contact_url, create_contact, signed, update_contact
from .factories import ContactFactory, ContactInboxFactory
from .host import run_in_a_project

NAMES = [name for name in signals.__all__ if name not in ("contacts_merging", "identity_rejected")]


@pytest.fixture
def heard(django_capture_on_commit_callbacks):
    """Return a context in which is collected what signals told, in the words of ``_told``."""

    @contextmanager
    def hearing():
        told = []

        def listen(name):
            signal = getattr(signals, name)
            model = ContactInbox if name == "session_ended" else Contact

            def hear(sender, signal, **named):
                told.append((name, {key: _told(value) for key, value in named.items()} if sender is model else sender))

            signal.connect(hear)
            stack.callback(signal.disconnect, hear)

        with ExitStack() as stack:
            for name in NAMES:
                listen(name)
            with django_capture_on_commit_callbacks(execute=True):
                yield told
                assert told == []  # nothing is told before the commit

    return hearing


def _told(value):
    return (value.pk, value.name) if isinstance(value, Contact) else value


def test_a_new_contact_is_created(client, inbox, heard):
    with heard() as told:
        contact = create_contact(client, inbox, name="Ada").json()["id"]

    assert told == [("contact_created", {"contact": (contact, "Ada")})]


def test_a_number_that_databases_write_otherwise_changes_once(client, visitor, heard):
    body = '{"custom_attributes": {"a": 1.152921504606847e+18, "b": -0.0}}'

    with heard() as told:
        client.patch(contact_url(visitor), body, content_type="application/json")
    assert [name for name, _named in told] == ["contact_updated"]

    with heard() as told:
        client.patch(contact_url(visitor), body, content_type="application/json")
    assert told == []


def test_a_new_signed_contact_is_created_and_verified(client, inbox, heard):
    with heard() as told:
        contact = create_contact(client, inbox, **signed(inbox, "user-7", name="Ada")).json()["id"]

    assert told == [
        ("contact_created", {"contact": (contact, "Ada")}),
        ("contact_verified", {"contact": (contact, "Ada")}),
    ]


def test_a_create_of_somebody_known_is_an_update_of_what_differs(client, inbox, customer, heard):
    with heard() as told:
        create_contact(
            client, inbox, **signed(inbox, "user-7", name="Ada", email="new@example.com", custom_attributes={"a": 1})
        )

    changed = frozenset({"email", "custom_attributes"})
    assert told == [("contact_updated", {"contact": (customer.contact.pk, "Ada"), "changed": changed})]


def test_an_update_tells_what_differs(client, visitor, heard):
    with heard() as told:
        update_contact(client, visitor, name="Ada", avatar_url="https://example.com/ada.png")

    changed = frozenset({"name", "avatar_url"})
    assert told == [("contact_updated", {"contact": (visitor.contact.pk, "Ada"), "changed": changed})]


def test_an_update_that_changes_nothing_tells_nothing(client, customer, heard):
    with heard() as told:
        update_contact(client, customer, name="Ada", email="ADA@example.com", custom_attributes={"a": None})

    assert told == []


def test_a_sign_in_verifies_and_ends_the_old_session(client, inbox, visitor, heard):
    with heard() as told:
        update_contact(client, visitor, **signed(inbox, "user-7"))

    contact = (visitor.contact.pk, "")
    assert told == [
        ("contact_updated", {"contact": contact, "changed": frozenset({"identifier"})}),
        ("contact_verified", {"contact": contact}),
        ("session_ended", {"pubsub_tokens": (visitor.pubsub_token,), "reason": "session_rotated"}),
    ]


def test_a_sign_in_to_somebody_known_merges(client, inbox, visitor, customer, heard):
    with heard() as told:
        update_contact(client, visitor, **signed(inbox, "user-7", name="Ada L."))

    base = (customer.contact.pk, "Ada L.")
    assert told == [
        ("contact_updated", {"contact": base, "changed": frozenset({"name"})}),
        ("session_ended", {"pubsub_tokens": (visitor.pubsub_token,), "reason": "session_rotated"}),
        ("contacts_merged", {"base": base, "mergee": (visitor.contact.pk, "")}),
    ]


def test_a_claim_of_what_others_have_claimed_merges(client, inbox, visitor, heard):
    inbox.match_claims = True
    inbox.save()
    base = create_contact(client, inbox, identifier="user-9", name="Ada").json()["id"]

    with heard() as told:
        update_contact(client, visitor, identifier="user-9")

    assert [what for name, what in told if name == "contacts_merged"] == [
        {"base": (base, "Ada"), "mergee": (visitor.contact.pk, "")}
    ]


def test_a_merge_is_told_with_what_it_filled(inbox, visitor, customer, heard):
    ContactInboxFactory(inbox=inbox, contact=customer.contact)
    with heard() as told:
        merge(visitor.contact, customer.contact)

    base, mergee = (visitor.contact.pk, "Ada"), (customer.contact.pk, "Ada")
    changed = frozenset({"identifier", "name", "email", "phone_number"})
    assert told == [
        ("contacts_merged", {"base": base, "mergee": mergee}),
        ("contact_updated", {"contact": base, "changed": changed}),
        ("contact_verified", {"contact": base}),
    ]


@pytest.mark.parametrize("delete", [Contact.delete, lambda contact: Contact.objects.filter(pk=contact.pk).delete()])
def test_who_is_deleted_is_erased_with_all_sessions(customer, heard, delete):
    contact = customer.contact.pk
    with heard() as told:
        delete(customer.contact)

    assert sorted(told) == [
        ("contact_erased", {"contact": (contact, "Ada")}),
        ("session_ended", {"pubsub_tokens": (customer.pubsub_token,), "reason": "session_erased"}),
    ]


def test_sessions_end_with_their_inbox(inbox, visitor, heard):
    with heard() as told:
        inbox.delete()

    assert told == [("session_ended", {"pubsub_tokens": (visitor.pubsub_token,), "reason": "session_erased"})]


def test_what_staff_change_is_told(client, customer, heard):
    client.force_login(get_user_model().objects.create_superuser("staff"))
    with heard() as told:
        client.post(
            f"/admin/inquirly_contacts/contact/{customer.contact.pk}/change/",
            {"identifier": "user-7", "name": "Ada", "email": "", "phone_number": "", "blocked": "on"},
        )

    changed = frozenset({"email", "phone_number", "blocked"})
    assert told == [("contact_updated", {"contact": (customer.contact.pk, "Ada"), "changed": changed})]


def test_code_of_the_host_is_heard_too(visitor, heard):
    contact = Contact.objects.get()
    contact.name, contact.custom_attributes["plan"] = "Ada", "pro"
    with heard() as told:
        contact.save()
        contact.save()  # nothing has changed since

    changed = frozenset({"name", "custom_attributes"})
    assert told == [("contact_updated", {"contact": (contact.pk, "Ada"), "changed": changed})]


def test_only_what_was_saved_is_told(visitor, heard):
    contact = Contact.objects.get()
    contact.name, contact.email = "Ada", "ada@example.com"
    with heard() as told:
        contact.save(update_fields=["name"])
        contact.save()

    assert [(name, named["changed"]) for name, named in told] == [
        ("contact_updated", frozenset({"name"})),
        ("contact_updated", frozenset({"email"})),
    ]


def test_what_was_read_again_is_no_change(visitor, heard):
    contact = Contact.objects.get()
    Contact.objects.update(name="Ada", email="ada@example.com")
    contact.refresh_from_db(fields=["name"])
    contact.refresh_from_db()
    with heard() as told:
        contact.save()

    assert told == []


def test_what_is_rolled_back_is_not_told(inbox, heard):
    with heard() as told, pytest.raises(IntegrityError), transaction.atomic():
        ContactFactory.create_batch(2, account=inbox.account, identifier="user-7")

    assert told == []


def test_after_a_rollback_a_contact_that_is_read_anew_tells_again(visitor, heard):
    held = visitor.contact
    held.name = "Ada"
    with suppress(IntegrityError), transaction.atomic():
        held.save()
        raise IntegrityError

    with heard() as told:
        held.save()
        assert Contact.objects.filter(pk=held.pk).update(name="") == 1
        anew = Contact.objects.get()
        anew.name = "Ada"
        anew.save()

    assert told == [("contact_updated", {"contact": (held.pk, "Ada"), "changed": frozenset({"name"})})]


def test_a_receiver_that_fails_does_not_fail_the_call(client, inbox, django_capture_on_commit_callbacks, caplog):
    def fail(**named):
        raise ValueError("a fault of the host")

    signals.contact_created.connect(fail)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            response = create_contact(client, inbox, name="Ada")
    finally:
        signals.contact_created.disconnect(fail)

    assert response.status_code == 200
    assert ContactInbox.objects.count() == 1
    assert "a fault of the host" in caplog.text


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"identifier": "user-7", "identifier_hash": "0" * 64}, id="wrong-hash"),
        pytest.param({"email": "thief@example.com"}, id="email-without-a-hash"),
    ],
)
def test_a_rejected_identity_is_told(client, customer, fields):
    told = []

    @receiver(signals.identity_rejected)
    def hear(sender, request, inbox_identifier, **kwargs):
        told.append((sender.__name__, request.method, inbox_identifier))

    try:
        response = update_contact(client, customer, **fields)
    finally:
        signals.identity_rejected.disconnect(hear)

    assert response.status_code == 401
    assert told == [("ContactViewSet", "PATCH", customer.inbox.identifier)]


HOST = """
from django.core.files.base import ContentFile
from contacts import signals
from contacts.models import Contact, ContactInbox
from host.models import Branch, Customer, Member, Visit
from inboxes import known
from inboxes.models import Account

def hear(sender, signal, **named):
    print([name for name in signals.__all__ if getattr(signals, name) is signal], sender.__name__)

for signal in (signals.contact_created, signals.contact_updated, signals.contact_erased):
    signal.connect(hear, sender=Contact)
signals.session_ended.connect(hear, sender=ContactInbox)

account = Account.objects.create(name="Shop")
branch = Branch.objects.create(account=account, name="One")
print(known.get(branch.identifier).name)
branch.name = "Two"
branch.save()
print(known.get(branch.identifier).name)
customer = Customer.objects.create(account=account)
Visit.objects.create(inbox=branch, contact=customer).delete()
stale = Customer.objects.get()
customer.name, customer.avatar_url = "Ada", "https://example.com/ada.png"
customer.save()
storage = customer.avatar.storage
name = storage.save("avatars/ada.webp", ContentFile(b"picture"))
Customer.objects.update(avatar=name)
stale.delete()
print(storage.exists(name))
Member.objects.create(account=account, number=7).delete()
"""


def test_models_that_a_host_makes_of_ours_tell_as_ours_do_and_leave_no_picture(tmp_path):
    models = (
        "from django.db import models\n"
        "from contacts.models import Contact, ContactInbox\n"
        "from inboxes.models import Inbox\n"
        "class Customer(Contact):\n    class Meta:\n        proxy = True\n"
        "class Visit(ContactInbox):\n    class Meta:\n        proxy = True\n"
        "class Branch(Inbox):\n    class Meta:\n        proxy = True\n"
        "class Member(Contact):\n    number = models.IntegerField()\n"
    )

    printed = run_in_a_project(tmp_path, "host", models, HOST)

    assert printed.splitlines() == [
        "One",
        "Two",
        "['contact_created'] Contact",
        "['session_ended'] ContactInbox",
        "['contact_updated'] Contact",
        "['contact_erased'] Contact",
        "False",
        "['contact_created'] Contact",
        "['contact_erased'] Contact",
    ]
