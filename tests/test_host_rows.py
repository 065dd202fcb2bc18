"""Rows of a host's own that refer to contacts: moved before a merge, or in its way."""

from contextlib import contextmanager

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError, RestrictedError

from contacts import identify
from contacts.merge import merge
from contacts.models import Contact, ContactMerge
from contacts.signals import contacts_merging

from .admin import confirm, told
from .api import problem, signed, stored, update_contact
from .factories import ContactFactory
from .host import run_in_a_project
from .readme import block

MODELS = """
from django.db import models
from contacts.models import Contact

class Order(models.Model):
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE)

class Bill(models.Model):
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT)
"""

SHOP = """
from contacts import identify
from contacts.merge import merge
from contacts.models import Contact
from inboxes.models import Account, Inbox
from shop.models import Bill, Order

account = Account.objects.create(name="Shop")
inbox = Inbox.objects.create(account=account)
person = {"identifier": "user-7"}
known = identify.create(inbox, person, signed=True).contact
visit = identify.create(inbox, {}, signed=False)
"""


@contextmanager
def merging(receiver):
    """Let ``receiver`` hear of each merge before it happens."""
    contacts_merging.connect(receiver)
    try:
        yield
    finally:
        contacts_merging.disconnect(receiver)


@pytest.fixture(params=["staff", "sign-in", "claim"])
def merge_two(request, client, inbox, visitor):
    """Merge a visitor into somebody known when called; returns the two."""
    inbox.match_claims = True
    inbox.save()
    key = {"claimed_identifier": "user-7", "claim_shared": True} if request.param == "claim" else {}
    known = ContactFactory(account=inbox.account, **(key or {"identifier": "user-7"}))

    def merged():
        if request.param == "staff":
            merge(known, visitor.contact)
        else:
            fields = {"identifier": "user-7"} if key else signed(inbox, "user-7")
            assert update_contact(client, visitor, **fields).status_code == 200
        return known, visitor.contact

    return merged


def test_a_merge_is_told_while_both_are_stored(merge_two):
    told = []

    def hear(sender, base, mergee, **kwargs):
        told.append((sender, base.pk, mergee.pk, set(Contact.objects.values_list("pk", flat=True))))

    with merging(hear):
        base, mergee = merge_two()

    assert told == [(Contact, base.pk, mergee.pk, {base.pk, mergee.pk})]
    assert Contact.objects.get() == base


def test_an_error_of_the_hosts_undoes_the_merge(merge_two):
    def fail(**named):
        raise ValueError("a fault of the host")

    before = stored()
    with merging(fail), pytest.raises(RuntimeError, match="receiver") as raised:
        merge_two()

    assert str(raised.value.__cause__) == "a fault of the host"
    assert stored() == before
    assert not ContactMerge.objects.exists()


@pytest.mark.parametrize("error", [ProtectedError, RestrictedError])
def test_a_row_in_the_way_of_a_sign_in_is_a_fault_of_the_server_and_said_at_once(client, inbox, visitor, error, caplog):
    ContactFactory(account=inbox.account, identifier="user-7")
    client.raise_request_exception = False
    before, times = stored(), []

    def refuse(**named):
        times.append(1)
        raise error("a bill keeps it", {visitor})

    with merging(refuse):
        response = update_contact(client, visitor, **signed(inbox, "user-7"))

    assert response.status_code == 500
    assert response.json() == problem(500)
    assert stored() == before
    assert len(times) == 1
    assert "a bill keeps it" in caplog.text
    assert "The database did not answer" not in caplog.text


@pytest.mark.parametrize("error", [ProtectedError, RestrictedError])
def test_staff_are_told_what_keeps_a_contact(admin_client, customer, visitor, error):
    def refuse(**named):
        raise error("a secret", [visitor, customer, visitor.inbox])

    before = stored()
    with merging(refuse):
        response = confirm(admin_client, "merge_contacts", customer.contact, visitor.contact, base=customer.contact.pk)

    assert told(response) == [
        f"Contact #{visitor.contact.pk} cannot disappear: it is kept by 2 sessions, 1 inbox. Nothing has changed."
    ]
    assert stored() == before
    assert not ContactMerge.objects.exists()
    assert not LogEntry.objects.exists()


def test_rows_that_cannot_be_moved_are_the_reason_why_a_sign_in_is_given_up(inbox, visitor):
    ContactFactory(account=inbox.account, identifier="user-7")

    def fail(**named):
        raise IntegrityError("one order for each contact")

    with merging(fail), pytest.raises(OperationalError) as given_up:
        identify.update(inbox, visitor.source_id, {"identifier": "user-7"}, signed=True)

    assert repr(given_up.value.__cause__) == "IntegrityError('one order for each contact')"


def test_orders_move_as_the_readme_says(tmp_path):
    code = """
staff_chose = Contact.objects.create(account=account)
for contact in (visit.contact, staff_chose):
    Order.objects.create(contact=contact)

identify.update(inbox, visit.source_id, person, signed=True)
merge(known, staff_chose)
print([order.contact == known for order in Order.objects.all()])
"""

    assert run_in_a_project(tmp_path, "shop", MODELS, SHOP + block("merging") + code) == "[True, True]\n"


def test_a_bill_that_is_protected_keeps_a_visitor_from_signing_in(tmp_path):
    code = """
from django.db.models import ProtectedError

Bill.objects.create(contact=visit.contact)
try:
    identify.update(inbox, visit.source_id, person, signed=True)
except ProtectedError:
    print(Contact.objects.count(), Bill.objects.get().contact == visit.contact)
"""

    assert run_in_a_project(tmp_path, "shop", MODELS, SHOP + code) == "2 True\n"
