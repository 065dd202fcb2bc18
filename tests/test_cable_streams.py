"""Which sessions are told of changes: those that a socket has opened, from before it hears that it is open."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from contacts.cable_streams import open_to
from contacts.models import Contact, ContactInbox

from .concurrently import before
from .factories import ContactInboxFactory

MIGRATION = "0005_streamed_sessions"


def test_a_session_is_streamed_once_a_socket_has_opened_it(visitor):
    assert not ContactInbox.objects.get().streamed

    assert open_to(visitor.pubsub_token, None) == visitor.source_id
    assert ContactInbox.objects.get().streamed


def test_who_is_blocked_while_a_socket_opens_is_told_or_refused(visitor):
    """The look finds what was committed before it, and whoever commits later finds the session."""

    def block():
        assert ContactInbox.objects.get().streamed
        Contact.objects.update(blocked=True)

    with before("SELECT", block):
        assert open_to(visitor.pubsub_token, None) is None


def test_a_session_that_was_loaded_before_stays_streamed_when_it_is_saved(visitor):
    open_to(visitor.pubsub_token, None)
    visitor.hmac_verified = True
    visitor.save()

    assert list(ContactInbox.objects.values_list("streamed", "hmac_verified")) == [(True, True)]


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
