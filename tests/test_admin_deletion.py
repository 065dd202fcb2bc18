"""Staff delete contacts and sessions, also while these are in use."""

import html
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test import Client

from contacts import identify
from contacts.merge import merge
from contacts.models import Contact, ContactInbox, ContactMerge, IdempotencyKey

from .admin import confirm, errors, list_url, open_page, page_url, send, staff, told
from .factories import ContactFactory, ContactInboxFactory, IdempotencyKeyFactory

YES = {"post": "yes"}

with_row_locks = pytest.mark.skipif(not connection.features.has_select_for_update, reason="needs locks of rows")


def delete(client, row):
    return client.post(page_url(row, "delete"), YES)


def delete_selected(client, *rows):
    data = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], **YES}
    return client.post(list_url(type(rows[0])), data)


@pytest.mark.django_db
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_contact_goes_with_its_sessions(admin_client, customer, visitor, way):
    assert way(admin_client, customer.contact).status_code == 302

    assert list(Contact.objects.all()) == [visitor.contact]
    assert list(ContactInbox.objects.all()) == [visitor]


@pytest.mark.django_db
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_session_goes_alone(admin_client, customer, visitor, way):
    assert way(admin_client, customer).status_code == 302

    assert set(Contact.objects.all()) == {customer.contact, visitor.contact}
    assert list(ContactInbox.objects.all()) == [visitor]


@pytest.mark.django_db
def test_several_contacts_go_at_once(admin_client, customer, visitor):
    delete_selected(admin_client, visitor.contact, customer.contact)

    assert not Contact.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_whoever_erases_a_contact_is_told_what_a_merge_has_kept_of_it(admin_client, customer, visitor, way):
    base, number = customer.contact, customer.contact.pk
    merge(base, visitor.contact)

    response = way(admin_client, base)

    (warning,) = [one for one in told(admin_client.get(response.headers["Location"])) if "merge" in one]
    url = re.search(r'href="([^"]+)"', warning)[1]
    assert url == f"{list_url(ContactMerge)}?q=%23{number}"
    assert list(admin_client.get(url).context["cl"].result_list) == [ContactMerge.objects.get()]


@pytest.mark.django_db
def test_merges_before_a_merge_are_told_of_too(admin_client, customer, visitor):
    third = ContactFactory(account=customer.contact.account)
    merge(visitor.contact, third)
    merge(customer.contact, visitor.contact)

    delete(admin_client, customer.contact)

    (warning,) = [one for one in told(admin_client.get(list_url(Contact))) if "merge" in one]
    url = html.unescape(re.search(r'href="([^"]+)"', warning)[1])
    assert set(admin_client.get(url).context["cl"].result_list) == set(ContactMerge.objects.all())
    assert ContactMerge.objects.count() == 2


@pytest.mark.django_db
def test_more_merges_than_a_search_finds_are_said_to_be_more(admin_client, customer):
    for _number in range(11):
        merge(customer.contact, ContactFactory(account=customer.contact.account))
    others = ContactFactory.create_batch(10, account=customer.contact.account)
    for other in others:
        merge(other, ContactFactory(account=other.account))

    delete_selected(admin_client, customer.contact, *others)

    (warning,) = [one for one in told(admin_client.get(list_url(Contact))) if "merge" in one]
    assert "and in more" in warning
    assert warning.count("%23") == 10


@pytest.mark.django_db
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_of_a_contact_that_was_never_merged_there_is_no_more_to_tell(admin_client, customer, visitor, way):
    merge(customer.contact, ContactFactory(account=customer.contact.account))

    response = way(admin_client, visitor.contact)

    assert not [one for one in told(admin_client.get(response.headers["Location"])) if "merge" in one]


@pytest.mark.django_db
def test_deleting_shows_and_notes_no_secret(admin_client, customer):
    secrets = [customer.source_id, customer.pubsub_token, customer.inbox.hmac_token]
    shown = [admin_client.get(page_url(row, "delete")).content.decode() for row in (customer, customer.contact)]
    assert f"#{customer.pk}" in shown[0]
    assert f'Session: <a href="{page_url(customer)}">#{customer.pk}</a>' in shown[1]

    delete(admin_client, customer)
    shown.append(admin_client.get("/admin/").content.decode())

    assert LogEntry.objects.get().object_repr == f"#{customer.pk}"
    assert not [secret for page in shown for secret in secrets if secret in page]


@pytest.mark.django_db
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_deleting_a_contact_takes_the_permission_for_its_sessions_too(customer, way):
    way(staff("view_contact", "delete_contact", "view_contactinbox"), customer.contact)
    assert Contact.objects.exists()

    way(staff("view_contact", "delete_contact", "delete_contactinbox"), customer.contact)
    assert not Contact.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("owner", ["session", "contact", "inbox"])
def test_kept_answers_go_along_without_being_shown_or_asking_for_a_permission(customer, owner):
    kept = IdempotencyKeyFactory(contact_inbox=customer, key="secret-key", answer="secret-answer", fingerprint="ab12")
    row = {"session": customer, "contact": customer.contact, "inbox": customer.inbox}[owner]
    models = ("inbox", "contact", "contactinbox")
    client = staff(*(f"{action}_{model}" for action in ("view", "delete") for model in models))

    page = client.get(page_url(row, "delete")).content.decode()
    assert delete(client, row).status_code == 302

    assert f"Idempotency key: #{kept.pk}" in page
    assert not [secret for secret in ("secret-key", "secret-answer", "ab12") if secret in page]
    assert not IdempotencyKey.objects.exists()


@pytest.fixture
def busy(transactional_db):
    """Hold a contact on a connection of its own, as a request does, until staff wait for it; then run the rest."""

    def run(contact, rest, staff_action):
        client = Client()
        client.force_login(User.objects.create_superuser("staff"))
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                Contact.objects.select_for_update().get(pk=contact.pk)
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


@with_row_locks
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_session_that_opens_while_its_contact_is_deleted_goes_along(busy, customer, way):
    def open_session():
        ContactInboxFactory(inbox=customer.inbox, contact=customer.contact)

    response = busy(customer.contact, open_session, lambda client: way(client, customer.contact))

    assert response.status_code == 302
    assert not Contact.objects.exists()
    assert not ContactInbox.objects.exists()


@with_row_locks
@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_session_that_is_written_while_it_is_deleted_does_not_come_back(busy, customer, way):
    response = busy(customer.contact, customer.save, lambda client: way(client, customer))

    assert response.status_code == 302
    assert not ContactInbox.objects.exists()


@with_row_locks
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


@with_row_locks
def test_a_contact_that_is_deleted_while_staff_merge_it_is_not_merged(busy, customer):
    base, mergee = customer.contact, ContactFactory(account=customer.contact.account)

    def merge(client):
        return told(confirm(client, "merge_contacts", base, mergee, base=base.pk))

    messages = busy(mergee, lambda: Contact.objects.filter(pk=mergee.pk).delete(), merge)

    assert messages == ["One of the two contacts is no longer here. Nothing has changed."]
    assert not ContactMerge.objects.exists()
    assert not LogEntry.objects.exists()


@with_row_locks
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


@with_row_locks
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
