"""Staff delete contacts and sessions, also while these are in use."""

import html
import re

import pytest
from django.contrib.admin.models import LogEntry

from contacts.merge import merge
from contacts.models import Contact, ContactInbox, ContactMerge, IdempotencyKey

from .admin import delete, delete_selected, list_url, page_url, staff, told
from .factories import ContactFactory, IdempotencyKeyFactory


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
