"""Which sessions are told of changes: those that a socket has opened, from before they hear that it is open."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from contacts.cable_streams import open_to
from contacts.models import Contact, ContactInbox
from inboxes.models import Inbox

from .concurrently import before
from .factories import ContactInboxFactory

MIGRATION = "0008_visible_characters"


def test_a_session_is_streamed_once_a_socket_has_opened_it(visitor):
    assert not ContactInbox.objects.get().streamed

    assert open_to(visitor.pubsub_token, None) == visitor.source_id
    assert ContactInbox.objects.get().streamed


def test_a_session_is_opened_again_without_a_write(visitor, django_assert_num_queries):
    ContactInbox.objects.update(streamed=True)

    with django_assert_num_queries(1):
        assert open_to(visitor.pubsub_token, None) == visitor.source_id


@pytest.mark.parametrize("refused", ["blocked", "origin"])
def test_a_session_that_a_socket_may_not_open_is_not_streamed(visitor, refused):
    if refused == "blocked":
        Contact.objects.update(blocked=True)
    Inbox.objects.update(allowed_origins=["https://shop.example"])

    assert open_to(visitor.pubsub_token, "https://other.example" if refused == "origin" else None) is None
    assert not ContactInbox.objects.get().streamed


def test_who_is_blocked_while_a_socket_opens_is_refused(visitor):
    """Whoever commits before the session is streamed tells nobody."""
    with before("UPDATE", lambda: Contact.objects.update(blocked=True)):
        assert open_to(visitor.pubsub_token, None) is None


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no rows")
@pytest.mark.django_db(transaction=True)
def test_a_session_that_is_held_for_long_keeps_nobody_waiting(visitor):
    def look():
        try:
            open_to(visitor.pubsub_token, None)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as executor, transaction.atomic():
        ContactInbox.objects.select_for_update().get()
        with pytest.raises(OperationalError, match="lock timeout"):
            executor.submit(look).result(20)


def test_a_session_that_was_loaded_before_stays_streamed_when_it_is_saved(visitor):
    open_to(visitor.pubsub_token, None)
    visitor.hmac_verified = True
    visitor.save()

    assert list(ContactInbox.objects.values_list("streamed", "hmac_verified")) == [(True, True)]


def test_a_session_is_saved_as_others_are(visitor):
    visitor.hmac_verified = True
    visitor.save(update_fields=[])
    assert not ContactInbox.objects.get().hmac_verified

    visitor.pk, visitor.source_id, visitor.pubsub_token = None, "other", "other"
    visitor.save()
    assert ContactInbox.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("connections")
def test_sessions_from_before_are_told_too(transactional_db):
    """Any of them may have a socket."""
    try:
        old = migrated("0004_known_avatars")
        account = old.get_model("inquirly_inboxes", "Account").objects.create(name="Shop")
        contact = old.get_model("inquirly_contacts", "Contact").objects.create(account=account)
        inbox = old.get_model("inquirly_inboxes", "Inbox").objects.create(account=account, name="Website")
        session = old.get_model("inquirly_contacts", "ContactInbox").objects.create(inbox=inbox, contact=contact)
    finally:
        migrated(MIGRATION)

    assert ContactInbox.objects.get(pk=session.pk).streamed
    assert not ContactInbox.objects.get(pk=ContactInboxFactory().pk).streamed


def migrated(name):
    """Return the models of the migration up to which, or back to which, the database is brought."""
    executor = MigrationExecutor(connection)
    executor.migrate([("inquirly_contacts", name)])
    return executor.loader.project_state([("inquirly_contacts", name)]).apps
