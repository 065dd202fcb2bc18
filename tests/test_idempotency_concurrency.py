"""Creates with one Idempotency-Key at the same time, on real connections: one of them is carried out."""

from functools import partial

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from contacts import idempotency, identify
from contacts.models import Contact, ContactInbox, IdempotencyKey
from inboxes.models import Inbox

from .api import create_with_key, problem, public_contact, signed, stored
from .concurrently import at_once, before
from .factories import IdempotencyKeyFactory
from .test_schema import assert_as_described

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="one writer at a time: see test_server for SQLite"),
    pytest.mark.xdist_group("connections"),
]

THREADS = 20


def send(inbox, key, **fields):
    return create_with_key(Client(), inbox, key, **fields)


def impatiently(call, *args, **fields):
    """Make the call in a thread of its own: if it waited for this one, it could be for ever."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
    return call(*args, **fields)


def test_while_the_first_call_is_under_way_the_second_is_refused(inbox):
    with transaction.atomic():
        first = send(inbox, "key", name="Ada")
        refused, with_another_key = at_once(
            [partial(impatiently, send, inbox, key, name="Ada") for key in ("key", "other")]
        )
    again = send(inbox, "key", name="Ada")

    assert refused.status_code == 409
    assert refused.headers["Retry-After"] == "1"
    assert refused.json() == problem(409)
    assert_as_described(refused, "contact_create")
    assert with_another_key.status_code == 200
    assert again.content == first.content
    assert Contact.objects.count() == 2


def test_when_the_first_call_comes_to_nothing_the_second_is_carried_out(inbox):
    with transaction.atomic():
        send(inbox, "key", name="Ada")
        transaction.set_rollback(True)
    assert stored() == []

    second = send(inbox, "key", name="Grace")

    assert second.status_code == 200
    assert second.json() == public_contact(ContactInbox.objects.get())


def test_when_the_first_call_is_killed_the_second_is_carried_out(inbox):
    with pytest.raises(OperationalError):
        send_and_be_killed(inbox, "key", name="Ada")
    connection.close()

    second = send(inbox, "key", name="Ada")

    assert second.status_code == 200
    assert second.json() == public_contact(ContactInbox.objects.get())


@transaction.atomic
def send_and_be_killed(inbox, key, **fields):
    send(inbox, key, **fields)
    at_once([partial(kill, connection.connection.info.backend_pid)])
    Contact.objects.count()


def kill(process):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("proven", [False, True], ids=["unsigned", "signed"])
def test_one_create_that_is_sent_twenty_times_at_once_is_carried_out_once(inbox, proven):
    fields = signed(inbox, "user-7") if proven else {"name": "Ada"}
    answers = at_once([partial(send, inbox, "key", **fields)] * THREADS)

    shown = [answer.json() for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert shown == [public_contact(ContactInbox.objects.get())] * len(shown) != []
    assert Contact.objects.count() == 1


def test_twenty_keys_of_one_person_at_once_open_twenty_sessions_of_one_contact(inbox):
    """Each but the first finds, inside of its own transaction, that another has made the contact meanwhile."""
    answers = at_once([partial(send, inbox, f"key-{number}", **signed(inbox, "user-7")) for number in range(THREADS)])

    assert [answer.status_code for answer in answers] == [200] * THREADS
    assert {answer.json()["id"] for answer in answers} == {Contact.objects.get().pk}
    assert len({answer.json()["source_id"] for answer in answers}) == ContactInbox.objects.count() == THREADS


def test_a_key_that_is_kept_anew_and_the_deletion_of_its_inbox_do_not_wait_for_each_other(inbox):
    IdempotencyKeyFactory(inbox=inbox, key="key", created_at=timezone.now() - idempotency.KEPT)

    def begin_to_delete():
        with transaction.atomic():
            Inbox.objects.select_for_update(nowait=True).get(pk=inbox.pk)

    def look():
        with pytest.raises(OperationalError, match="could not obtain lock"):
            at_once([begin_to_delete])

    with before('UPDATE "inquirly_contacts_idempotencykey"', look):
        response = send(inbox, "key", name="Ada")

    assert response.status_code == 200


def test_an_inbox_that_goes_in_the_middle_of_a_call_keeps_nothing(inbox):
    def create():
        session = identify.create(inbox, {}, signed=False)
        at_once([Inbox.objects.filter(pk=inbox.pk).delete])
        return session, {}

    with pytest.raises(Inbox.DoesNotExist):
        idempotency.once(inbox, "key", {}, create)
    assert stored() == []


def test_pruning_waits_for_nobody(visitor):
    expired = timezone.now() - idempotency.KEPT
    in_use, _other = IdempotencyKeyFactory.create_batch(2, contact_inbox=visitor, created_at=expired)
    with transaction.atomic():
        IdempotencyKey.objects.select_for_update().get(pk=in_use.pk)
        [deleted] = at_once([partial(impatiently, lambda: list(idempotency.prune()))])

    assert deleted == [1]
    assert IdempotencyKey.objects.get() == in_use
