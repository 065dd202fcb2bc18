"""What a process knows of inboxes: how long, and what makes it look again."""

import os
import subprocess
import sys
import time

import pytest
from django.db import connection, transaction

from inboxes import identity, known
from inboxes.models import Inbox

from .api import INBOXES, create_contact, signed
from .factories import InboxFactory
from .readme import ROOT
from .shell import database_url


def test_an_inbox_is_read_once_a_second(inbox, django_assert_num_queries):
    with django_assert_num_queries(1):
        first = known.get(inbox.identifier)
        again = known.get(inbox.identifier)

    assert first == again == inbox


def test_after_a_second_it_is_read_again(inbox, django_assert_num_queries, monkeypatch):
    known.get(inbox.identifier)
    later = time.monotonic() + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)

    with django_assert_num_queries(1):
        known.get(inbox.identifier)


def test_an_inbox_that_is_not_there_is_looked_for_again(db):
    with pytest.raises(Inbox.DoesNotExist):
        known.get("comes-later")
    InboxFactory(identifier="comes-later")

    assert known.get("comes-later").identifier == "comes-later"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(identity.revoke_previous_hmac_token, id="revocation"),
        pytest.param(identity.rotate_hmac_token, id="rotation"),
        pytest.param(lambda inbox: setattr(inbox, "hmac_mandatory", True) or inbox.save(), id="switch"),
        pytest.param(lambda inbox: inbox.delete(), id="deletion"),
    ],
)
def test_a_change_of_this_process_holds_at_once(inbox, change, django_assert_num_queries):
    known.get(inbox.identifier)
    change(Inbox.objects.get(pk=inbox.pk))

    found = Inbox.objects.filter(pk=inbox.pk).values().first()
    try:
        now = {field.attname: getattr(known.get(inbox.identifier), field.attname) for field in Inbox._meta.fields}
    except Inbox.DoesNotExist:
        now = None
    assert now == found


@pytest.mark.django_db(transaction=True)
def test_what_was_read_before_the_commit_is_forgotten_with_it():
    inbox = InboxFactory(hmac_mandatory=False)
    with transaction.atomic():
        inbox.hmac_mandatory = True
        inbox.save()
        stale = InboxFactory.build(pk=inbox.pk, identifier=inbox.identifier, hmac_mandatory=False)
        known._inboxes[inbox.identifier] = stale, time.monotonic() + known.SECONDS  # as another thread would still see

    assert known.get(inbox.identifier).hmac_mandatory is True


def test_what_was_read_before_a_change_is_not_kept_after_it(inbox, monkeypatch):
    read = Inbox.objects.get

    def overtaken(**lookup):
        found = read(**lookup)
        monkeypatch.undo()
        Inbox.objects.get(pk=inbox.pk).save()  # by another thread, before the first has kept what it read
        return found

    monkeypatch.setattr(Inbox.objects, "get", overtaken)
    known.get(inbox.identifier)

    assert known._inboxes == {}


def test_so_many_inboxes_at_most_are_known(inbox, monkeypatch):
    monkeypatch.setattr(known, "MAX_INBOXES", 2)
    for one in (inbox, *InboxFactory.create_batch(3)):
        known.get(one.identifier)

    assert len(known._inboxes) <= 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="The tests' SQLite is in the memory of one process")
def test_a_key_that_another_process_revokes_is_wrong_here_within_a_second(client):
    inbox = InboxFactory()
    fields = signed(inbox, "user-7")
    assert create_contact(client, inbox, **fields).status_code == 200

    revoke_in_another_process(inbox)
    changed = time.monotonic()
    statuses = []
    while time.monotonic() < changed + 1:
        statuses.append(create_contact(client, inbox, **fields).status_code)
        time.sleep(0.05)

    assert create_contact(client, inbox, **fields).status_code == 401
    assert statuses == sorted(statuses)  # once refused, always refused


def revoke_in_another_process(inbox):
    """Run the command on the database of this test."""
    command = [sys.executable, "manage.py", "rotatehmac", inbox.identifier, "--revoke-now"]
    environment = {**os.environ, "SECRET_KEY": "-", "ALLOWED_HOSTS": "-", "DATABASE_URL": database_url()}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


def test_origins_that_are_changed_hold_at_once(client, inbox):
    def read_from(origin):
        return client.get(f"{INBOXES}/{inbox.identifier}", headers={"origin": origin})

    assert read_from("https://a.example").headers["Access-Control-Allow-Origin"]
    inbox.allowed_origins = ["https://b.example"]
    inbox.save()

    assert "Access-Control-Allow-Origin" not in read_from("https://a.example")
