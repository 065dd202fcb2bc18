"""Real threads on real connections: nothing is lost, nothing is doubled, and no deadlock reaches a client."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from bench.faults.staff import block, delete, merge_if_there, unblock
from contacts import identify
from contacts.attributes import MAX_BYTES
from contacts.idempotency import KEPT
from contacts.merge import merge
from contacts.models import Contact, ContactInbox, IdempotencyKey
from contacts.signals import contact_updated
from inboxes.identity import rotate_hmac_token
from inboxes.models import Inbox

from .api import create_contact, create_with_key, problem, public_contact, read_contact, signed, update_contact
from .concurrently import at_once
from .factories import ContactFactory, ContactInboxFactory, InboxFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time, and no row locks"),
    pytest.mark.xdist_group("connections"),
]

THREADS = 8
ROUNDS = 1000
IDENTIFIERS = [f"user-{number}" for number in range(5)]
FULL = {"full": "x" * (MAX_BYTES - 100)}


@pytest.fixture(autouse=True)
def _short_middleware(settings):
    """Let the calls themselves meet, not what stands before them."""
    settings.MIDDLEWARE = ["inboxes.middleware.PublicAPIMiddleware"]


@pytest.fixture
def customer(inbox):
    """A session that Ada has signed in."""
    contact = ContactFactory(account=inbox.account, identifier="user-7", name="Ada", email="")
    return ContactInboxFactory(inbox=inbox, contact=contact, hmac_verified=True)


def times(number, call, *args, **fields):
    """Make one call ``number`` times at once, each by a client of its own; return the answers' bodies."""
    responses = at_once([lambda: call(Client(), *args, **fields)] * number)
    assert [response.status_code for response in responses] == [200] * number
    return [response.json() for response in responses]


def test_a_hundred_signed_creates_at_once_make_one_contact(inbox):
    shown = times(100, create_contact, inbox, **signed(inbox, "user-7", name="Ada"))

    assert list(Contact.objects.values_list("identifier", "name")) == [("user-7", "Ada")]
    assert {contact["id"] for contact in shown} == {Contact.objects.get().pk}
    assert len({contact["source_id"] for contact in shown}) == ContactInbox.objects.count() == 100


def test_a_claim_shared_by_twenty_visitors_at_once_makes_one_contact(inbox):
    inbox.match_claims = True
    inbox.save()

    shown = times(20, create_contact, inbox, identifier="user-7")

    assert list(Contact.objects.values_list("claimed_identifier", "identifier")) == [("user-7", None)]
    assert len({contact["source_id"] for contact in shown}) == ContactInbox.objects.count() == 20


def test_of_forty_updates_at_once_none_is_lost(visitor):
    responses = at_once(
        partial(update_contact, Client(), visitor, custom_attributes={f"key-{number}": number}) for number in range(40)
    )

    assert {response.status_code for response in responses} == {200}
    assert Contact.objects.get().custom_attributes == {f"key-{number}": number for number in range(40)}


@pytest.mark.parametrize("known", [False, True], ids=["nobody-has-it", "somebody-has-it"])
def test_two_who_sign_in_with_one_identifier_at_once_meet_in_one_contact(inbox, known):
    if known:
        ContactFactory(account=inbox.account, identifier="user-7")
    visitors = [
        ContactInboxFactory(inbox=inbox, contact=ContactFactory(account=inbox.account, custom_attributes={key: 1}))
        for key in ("left", "right")
    ]

    responses = at_once(partial(update_contact, Client(), one, **signed(inbox, "user-7")) for one in visitors)

    assert [response.status_code for response in responses] == [200, 200]
    contact = Contact.objects.get()
    assert (contact.identifier, contact.custom_attributes) == ("user-7", {"left": 1, "right": 1})
    assert set(ContactInbox.objects.values_list("contact", "hmac_verified")) == {(contact.pk, True)}


def test_one_session_that_signs_in_twice_at_once_is_answered_once(visitor):
    """The second of the two comes by a source_id that the first has ended."""
    responses = at_once([lambda: update_contact(Client(), visitor, **signed(visitor.inbox, "user-7"))] * 2)

    assert sorted(response.status_code for response in responses) == [200, 404]
    assert ContactInbox.objects.get().hmac_verified


@pytest.mark.parametrize("verified_first", [True, False], ids=["verified-is-older", "visitor-is-older"])
@pytest.mark.parametrize("base_verified", [True, False], ids=["into-the-verified", "into-the-visitor"])
def test_a_sign_in_and_a_merge_at_once_come_to_the_same(inbox, verified_first, base_verified):
    for _round in range(10):
        Contact.objects.all().delete()
        identifiers = ["user-7", None] if verified_first else [None, "user-7"]
        contacts = {one: ContactFactory(account=inbox.account, identifier=one) for one in identifiers}
        visitor = ContactInboxFactory(inbox=inbox, contact=contacts[None])
        base, mergee = (contacts["user-7"], contacts[None]) if base_verified else (contacts[None], contacts["user-7"])

        response, _merged = at_once(
            [
                partial(update_contact, Client(), visitor, **signed(inbox, "user-7", name="Ada")),
                partial(merge_if_there, base.pk, mergee.pk),
            ]
        )

        assert response.status_code == 200
        assert list(Contact.objects.values_list("identifier", "name")) == [("user-7", "Ada")]
        assert ContactInbox.objects.get(contact__identifier="user-7").source_id == response.json()["source_id"]


def test_of_twenty_rotations_at_once_each_keeps_the_key_of_the_one_before(inbox):
    def rotate():
        own = Inbox.objects.get(pk=inbox.pk)
        rotate_hmac_token(own)
        return own.previous_hmac_token, own.hmac_token

    kept, made = zip(*at_once([rotate] * 20), strict=True)
    inbox.refresh_from_db()

    assert len(set(kept)) == 20
    assert {inbox.hmac_token, *kept} >= {*made}


def test_two_merges_that_cross_leave_one_contact(inbox):
    for _round in range(10):
        Contact.objects.all().delete()
        one, other = ContactInboxFactory.create_batch(2, inbox=inbox)

        merged = at_once(
            [
                partial(merge_if_there, one.contact_id, other.contact_id),
                partial(merge_if_there, other.contact_id, one.contact_id),
            ]
        )

        assert sorted(merged) == [False, True]
        assert ContactInbox.objects.filter(contact=Contact.objects.get()).count() == 2


@pytest.mark.parametrize("act", ["sign-in", "merge"])
@pytest.mark.parametrize("verified_first", [True, False], ids=["verified-is-older", "visitor-is-older"])
def test_two_contacts_are_locked_older_first(inbox, act, verified_first):
    """Who waits for the older one does not hold the younger: so nobody can wait for whoever waits for them."""
    identifiers = ["user-7", None] if verified_first else [None, "user-7"]
    older, younger = (ContactFactory(account=inbox.account, identifier=one) for one in identifiers)
    base, mergee = (older, younger) if verified_first else (younger, older)
    visitor = ContactInboxFactory(inbox=inbox, contact=mergee)
    acts = {
        "sign-in": partial(update_contact, Client(), visitor, **signed(inbox, "user-7")),
        "merge": partial(merge, base, mergee),
    }

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Contact.objects.select_for_update().get(pk=older.pk)
            waiting = pool.submit(at_once, [acts[act]])
            wait_until_somebody_waits_for_us()
            Contact.objects.select_for_update(nowait=True).get(pk=younger.pk)
        waiting.result()

    assert Contact.objects.get() == base


@pytest.mark.parametrize(
    ("change", "status", "stored"),
    [
        pytest.param({"email": "ada@example.com"}, 200, ("Grace", "ada@example.com"), id="changed"),
        pytest.param({"blocked": True}, 403, ("Ada", ""), id="blocked"),
        pytest.param({"identifier": "user-8"}, 200, ("Ada", ""), id="somebody-else"),
    ],
)
def test_a_create_sees_what_changes_while_it_waits(inbox, change, status, stored):
    contact = ContactFactory(account=inbox.account, identifier="user-7", name="Ada", email="")
    heard = []
    contact_updated.connect(listener := lambda contact, changed, **kwargs: heard.append((contact.pk, changed)))

    with while_it_waits(partial(create_contact, Client(), inbox, **signed(inbox, "user-7", name="Grace"))) as answer:
        Contact.objects.filter(pk=contact.pk).update(**change)
    contact_updated.disconnect(listener)

    contact.refresh_from_db()
    assert answer().status_code == status
    assert (contact.name, contact.email) == stored
    assert heard == ([(contact.pk, {"name"})] if stored[0] == "Grace" else [])


@pytest.mark.parametrize(
    ("change", "status", "stored"),
    [
        pytest.param({"email": "ada@example.com"}, 200, ("Grace", "ada@example.com"), id="changed"),
        pytest.param({"blocked": True}, 403, ("Ada", ""), id="blocked"),
        pytest.param({"identifier": "user-8"}, 401, ("Ada", ""), id="somebody-else"),
    ],
)
def test_a_change_sees_what_changes_while_it_waits(customer, change, status, stored):
    fields = signed(customer.inbox, "user-7", name="Grace")

    with while_it_waits(partial(update_contact, Client(), customer, **fields)) as answer:
        Contact.objects.select_for_update().filter(pk=customer.contact_id).update(**change)

    contact = Contact.objects.get()
    assert answer().status_code == status
    assert answer().json() == (public_contact(customer) if status == 200 else problem(status))
    assert (contact.name, contact.email) == stored


def test_a_change_writes_to_the_contact_that_the_session_has_come_to_while_it_waits(customer):
    """The one that the session has left is locked, but not written: nothing else tells that it was left."""
    left, other = customer.contact, ContactFactory(account=customer.inbox.account, name="Eve")

    with while_it_waits(partial(update_contact, Client(), customer, name="Grace")) as answer:
        Contact.objects.select_for_update().get(pk=left.pk)
        ContactInbox.objects.update(contact=other)

    assert answer().status_code == 200
    assert answer().json() == public_contact(customer)
    assert dict(Contact.objects.values_list("pk", "name")) == {left.pk: "Ada", other.pk: "Grace"}


@pytest.mark.parametrize("end", ["delete", "rotate"])
def test_a_change_finds_no_session_that_ends_while_it_waits(customer, end):
    with while_it_waits(partial(update_contact, Client(), customer, name="Grace")) as answer:
        Contact.objects.select_for_update().get()
        session = ContactInbox.objects.filter(pk=customer.pk)
        session.delete() if end == "delete" else session.update(source_id="rotated")

    assert answer().status_code == 404
    assert Contact.objects.get().name == "Ada"


def test_a_change_goes_on_when_nothing_has_changed_while_it_waits(customer):
    with while_it_waits(partial(update_contact, Client(), customer, name="Grace")) as answer:
        Contact.objects.select_for_update().get()

    assert answer().json() == public_contact(customer)
    assert Contact.objects.get().name == "Grace"


@pytest.mark.parametrize("gone", ["session", "inbox"])
@pytest.mark.parametrize("sign_in", [True, False], ids=["sign-in", "claim"])
def test_who_signs_in_or_claims_finds_no_session_that_ends_meanwhile(inbox, visitor, sign_in, gone):
    inbox.match_claims = True
    inbox.save()
    fields = signed(inbox, "user-7") if sign_in else {"identifier": "user-7"}

    with while_it_waits(partial(update_contact, Client(), visitor, **fields)) as answer:
        Contact.objects.select_for_update().get()
        (visitor if gone == "session" else inbox).delete()

    assert answer().status_code == 404
    assert answer().json() == problem(404)


@contextmanager
def while_it_waits(call):
    """Do in one transaction what the block does, while ``call`` waits for it; yields what returns its answer."""
    with ThreadPoolExecutor(1) as pool:
        calls = []
        with transaction.atomic():
            yield lambda: calls[0].result()[0]
            calls.append(pool.submit(at_once, [call]))
            wait_until_somebody_waits_for_us()


def wait_until_somebody_waits_for_us():
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone() != (0,):
                return
    raise AssertionError("Nobody waits.")


@pytest.mark.parametrize("fields", [{"identifier": "user-9"}, {"email": "new@example.com"}])
def test_who_waits_while_the_session_signs_in_finds_it_gone(inbox, fields):
    visitor = ContactInboxFactory(inbox=inbox)
    with while_it_waits(lambda: update_contact(Client(), visitor, **fields)) as answer:
        identify.update(inbox, visitor.source_id, {"identifier": "user-7"}, signed=True)

    assert (answer().status_code, answer().json()) == (404, problem(404))


def test_who_uses_an_old_key_again_keeps_nobody_waiting(inbox):
    create_with_key(Client(), inbox, "key", name="Ada")
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT)

    with ThreadPoolExecutor(1) as executor, transaction.atomic():
        assert create_with_key(Client(), inbox, "key", name="Eve").json()["name"] == "Eve"
        meanwhile = executor.submit(times, 1, create_contact, inbox, name="Bob").result(20)

    assert [contact["name"] for contact in meanwhile] == ["Bob"]


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        pytest.param({"custom_attributes": {"a": "x" * 2_000}}, {"custom_attributes": FULL}, id="full"),
        pytest.param({"custom_attributes": {"a": "x"}}, {"blocked": True}, id="blocked"),
    ],
)
def test_nothing_is_told_of_a_contact_that_the_session_leaves_meanwhile(inbox, fields, change):
    visitor = ContactInboxFactory(inbox=inbox)
    with while_it_waits(lambda: update_contact(Client(), visitor, **fields)) as answer:
        identify.update(inbox, visitor.source_id, {"identifier": "user-7"}, signed=True)
        Contact.objects.update(**change)

    assert (answer().status_code, answer().json()) == (404, problem(404))


def test_whatever_is_mixed_no_deadlock_reaches_a_client(inbox):
    inboxes = [
        inbox,
        *(InboxFactory(account=inbox.account, **{flag: True}) for flag in ("hmac_mandatory", "match_claims")),
    ]

    statuses = at_once(partial(busy_thread, inboxes, random.Random(seed)) for seed in range(THREADS))

    assert set().union(*statuses) <= {200, 401, 403, 404}
    verified = Contact.objects.exclude(identifier=None).values_list("identifier", flat=True)
    assert sorted(verified) == sorted(set(verified))
    assert not Contact.objects.filter(claim_shared=True).exclude(identifier=None).exists()


def busy_thread(inboxes, chance):
    """Make every kind of call on few contacts, as clients and as staff; return the statuses that clients saw."""
    statuses, client = set(), Client()
    for _round in range(ROUNDS // THREADS):
        inbox = chance.choice(inboxes)
        contacts = list(Contact.objects.order_by("?").values_list("pk", flat=True)[:2])
        session = ContactInbox.objects.filter(inbox=inbox).order_by("?").first()
        sent = chance.choice([{"custom_attributes": {"round": chance.random()}}, {"name": str(chance.random())}])
        fields = signed(inbox, chance.choice(IDENTIFIERS), **sent)
        claim = {"identifier": fields["identifier"]}
        client_acts = [
            partial(create_contact, client, inbox, **fields),
            partial(create_contact, client, inbox, **claim),
            partial(create_with_key, client, inbox, str(chance.random()), **fields),
        ]
        if session is not None:
            client_acts += [
                partial(update_contact, client, session, **fields),
                partial(update_contact, client, session, **claim),
                partial(update_contact, client, session, name="Ada"),
                partial(read_contact, client, session),
            ]
        statuses.add(chance.choice(client_acts)().status_code)
        staff_acts = [partial(merge_if_there, *contacts)] if len(contacts) == 2 else []
        staff_acts += [partial(act, pk) for act in (block, unblock, delete) for pk in contacts]
        if staff_acts and chance.random() < 0.3:
            chance.choice(staff_acts)()
    return statuses
