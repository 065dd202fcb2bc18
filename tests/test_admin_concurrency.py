"""Staff change and delete what others, or calls of the API, change at the same moment."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test import Client

from contacts import identify
from contacts.models import Contact, ContactInbox, ContactMerge
from inboxes.identity import rotate_hmac_token
from inboxes.models import Account, Inbox
from inboxes.tokens import default_working_hours

from .admin import add_url, confirm, delete, delete_selected, errors, open_page, page_url, send, told
from .factories import AccountFactory, ContactFactory, ContactInboxFactory
from .test_admin_merge import GONE
from .test_admin_rotation import NONE_LEFT

pytestmark = pytest.mark.skipif(not connection.features.has_select_for_update, reason="needs locks of rows")


@pytest.fixture
def account(transactional_db):
    return AccountFactory()


@pytest.fixture
def busy(transactional_db):
    """Hold a row on a connection of its own, as a request does, until staff wait for it; then run the rest."""

    def run(row, rest, staff_action):
        client = Client()
        client.force_login(User.objects.create_superuser("staff"))
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                type(row).objects.select_for_update().get(pk=row.pk)
                waiting = pool.submit(in_thread, staff_action, client)
                wait_for_a_waiting_connection()
                rest()
            return waiting.result(timeout=30)

    return run


def in_thread(staff_action, client):
    try:
        return staff_action(client)
    finally:
        connections.close_all()


def wait_for_a_waiting_connection():
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connection.cursor() as cursor:
        for _attempt in range(500):
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone():
                return
            time.sleep(0.01)
    raise AssertionError("Nobody waits.")


@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_session_that_opens_while_its_contact_is_deleted_goes_along(busy, customer, way):
    def open_session():
        ContactInboxFactory(inbox=customer.inbox, contact=customer.contact)

    response = busy(customer.contact, open_session, lambda client: way(client, customer.contact))

    assert response.status_code == 302
    assert not Contact.objects.exists()
    assert not ContactInbox.objects.exists()


@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_session_that_is_written_while_it_is_deleted_does_not_come_back(busy, customer, way):
    response = busy(customer.contact, customer.save, lambda client: way(client, customer))

    assert response.status_code == 302
    assert not ContactInbox.objects.exists()


def test_who_signs_in_while_their_contact_is_deleted_gets_a_new_one(transactional_db, admin_client, customer):
    inbox, old = customer.inbox, customer.contact
    sign_in = {"identifier": "user-7"}
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            delete(admin_client, old)
            waiting = pool.submit(in_thread, lambda _none: identify.create(inbox, sign_in, signed=True), None)
            wait_for_a_waiting_connection()
        session = waiting.result(timeout=30)

    assert Contact.objects.get() == session.contact != old
    assert ContactInbox.objects.get() == session


def test_a_contact_that_is_deleted_while_staff_merge_it_is_not_merged(busy, customer):
    base, mergee = customer.contact, ContactFactory(account=customer.contact.account)

    def merge(client):
        return told(confirm(client, "merge_contacts", base, mergee, base=base.pk))

    messages = busy(mergee, lambda: Contact.objects.filter(pk=mergee.pk).delete(), merge)

    assert messages == [GONE]
    assert not ContactMerge.objects.exists()
    assert not LogEntry.objects.exists()


def test_what_a_call_writes_while_staff_save_is_not_overwritten(busy, visitor):
    contact = visitor.contact

    def call():
        identify.update(visitor.inbox, visitor.source_id, {"custom_attributes": {"plan": "pro"}}, signed=False)

    def save(client):
        return send(client, contact, data, custom_attributes='{"seats": 3}')

    viewer = Client()
    viewer.force_login(User.objects.create_superuser("viewer"))
    data = open_page(viewer, contact)
    response = busy(contact, call, save)

    assert list(errors(response)) == ["custom_attributes"]
    contact.refresh_from_db()
    assert contact.custom_attributes == {"plan": "pro"}


def test_an_identifier_that_is_taken_while_staff_save_is_refused(transactional_db, admin_client, visitor):
    contact, taken = ContactFactory(account=visitor.contact.account), {"identifier": "user-7"}
    data = open_page(admin_client, contact)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Contact.objects.filter(pk=visitor.contact.pk).update(**taken)
            waiting = pool.submit(in_thread, lambda client: send(client, contact, data, **taken), admin_client)
            wait_for_a_waiting_connection()
        response = waiting.result(timeout=30)

    assert errors(response) == {"identifier": ["Another contact of this account has this identifier."]}


@pytest.mark.parametrize("action", ["rotate", "rotate_now", "end_overlap"])
def test_an_inbox_that_is_deleted_meanwhile_gets_no_key(busy, inbox, action):
    rotate_hmac_token(inbox)

    def change(client):
        return told(confirm(client, action, inbox))

    assert busy(inbox, lambda: Inbox.objects.filter(pk=inbox.pk).delete(), change) == [NONE_LEFT]
    assert not LogEntry.objects.exists()


def test_an_inbox_is_deleted_while_visitors_come(busy, inbox):
    def visit():
        ContactInboxFactory(inbox=inbox)

    response = busy(inbox, visit, lambda client: delete(client, inbox))

    assert response.status_code == 302
    assert not Inbox.objects.exists()
    assert not ContactInbox.objects.exists()


def test_an_account_that_a_contact_comes_to_meanwhile_is_not_deleted(busy, account):
    response = busy(account, lambda: ContactFactory(account=account), lambda client: delete(client, account))

    assert response.status_code == 200
    assert [str(row) for row in response.context["protected"]]
    assert Account.objects.get() == account


@pytest.mark.parametrize("model", [Account, Inbox])
def test_what_is_deleted_while_staff_save_it_is_said_to_be_gone(busy, inbox, model):
    Contact.objects.all().delete()
    row = Inbox.objects.get() if model is Inbox else AccountFactory()
    viewer = Client()
    viewer.force_login(User.objects.create_superuser("viewer"))
    data = open_page(viewer, row)

    def save(client):
        return client.post(page_url(row), {**data, "name": "Other"}, follow=True)

    response = busy(row, lambda: model.objects.filter(pk=row.pk).delete(), save)

    assert "Perhaps it was deleted?" in told(response)[0]


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_an_inbox_is_not_added_to_an_account_that_is_deleted_meanwhile(busy, account, monkeypatch, atomic_requests):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", atomic_requests)
    data = {
        "account": account.pk,
        "name": "Website",
        "timezone": "UTC",
        "working_hours": json.dumps(default_working_hours()),
    }

    def add(client):
        return client.post(add_url(Inbox), data)

    response = busy(account, lambda: Account.objects.filter(pk=account.pk).delete(), add)

    assert list(errors(response)) == ["account"]
    assert told(response) == []
    assert not Inbox.objects.exists()
