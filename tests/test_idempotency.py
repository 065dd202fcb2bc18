"""POST …/contacts with an Idempotency-Key: what is sent again makes nothing twice, and is answered as at first."""

import json
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from contacts import idempotency, identify
from contacts.merge import merge
from contacts.models import Contact, ContactInbox, IdempotencyKey
from inboxes.identity import rotate_hmac_token
from inboxes.models import Inbox

from .api import (
    contacts_url,
    create_contact,
    create_with_key,
    problem,
    public_contact,
    read_contact,
    signed,
    stored,
    update_contact,
)
from .factories import ContactFactory, IdempotencyKeyFactory, InboxFactory
from .test_schema import assert_as_described

REUSED = problem(422, code="idempotency_key_reused")
MALFORMED = problem(400, detail="The Idempotency-Key has to be 1 to 255 visible ASCII characters, without spaces.")


def shown(response):
    """Return all of an answer that a client can see."""
    return response.status_code, dict(response.headers), response.content


@pytest.fixture
def after(monkeypatch):
    """Stop the clock, and return what moves it on."""
    now = timezone.now()

    def move(**time):
        nonlocal now
        now += timedelta(**time)

    monkeypatch.setattr(timezone, "now", lambda: now)
    return move


@pytest.mark.parametrize("proven", [False, True], ids=["unsigned", "signed"])
def test_the_same_call_again_gets_the_first_answer_and_makes_nothing(client, inbox, proven):
    fields = {"name": "Ada", "email": "ada@example.com", **(signed(inbox, "user-7") if proven else {})}
    first = create_with_key(client, inbox, "key", **fields)
    before = stored()
    again = create_with_key(client, inbox, "key", **fields)

    assert first.status_code == 200
    assert first.json() == public_contact(ContactInbox.objects.get())
    assert shown(again) == shown(first)
    assert stored() == before


def test_without_a_key_every_call_opens_a_session_and_nothing_is_kept(client, inbox):
    answers = [create_contact(client, inbox, name="Ada").json() for _time in range(2)]

    assert answers[0]["source_id"] != answers[1]["source_id"]
    assert not IdempotencyKey.objects.exists()


def test_a_second_key_opens_a_second_session_of_the_same_person(client, inbox):
    answers = [create_with_key(client, inbox, key, **signed(inbox, "user-7")).json() for key in ("key", "KEY")]

    assert answers[0]["id"] == answers[1]["id"]
    assert answers[0]["source_id"] != answers[1]["source_id"]


def test_the_same_key_is_another_one_in_another_inbox(client, inbox):
    other = InboxFactory(account=inbox.account)
    answers = [create_with_key(client, one, "key", name="Ada") for one in (inbox, other)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json() for answer in answers] == [
        public_contact(session) for session in ContactInbox.objects.order_by("pk")
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param('{"name": "Ada", "email": null}', '{"email":null,"name":"Ad\\u0061"}', id="spelt-otherwise"),
        pytest.param("", "{}", id="empty"),
    ],
)
def test_bodies_that_are_the_same_as_json_are_the_same(client, inbox, one, other):
    send = partial(client.generic, "POST", contacts_url(inbox), content_type="application/json")
    answers = [send(data=body, headers={"idempotency-key": "key"}) for body in (one, other)]

    assert shown(answers[1]) == shown(answers[0])
    assert ContactInbox.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="less"),
        pytest.param({"name": "Ada", "custom_attributes": {"seats": 1, "tags": ["a", "b"]}, "x": 1}, id="more"),
        pytest.param({"name": "Ada", "custom_attributes": {"seats": 1, "tags": ["b", "a"]}}, id="other-order"),
        pytest.param({"name": "Ada", "custom_attributes": {"seats": "1", "tags": ["a", "b"]}}, id="text-for-number"),
        pytest.param({"name": "Ada", "custom_attributes": {"seats": True, "tags": ["a", "b"]}}, id="true-for-1"),
    ],
)
def test_another_body_is_refused_and_changes_nothing(client, inbox, body):
    create_with_key(client, inbox, "key", name="Ada", custom_attributes={"seats": 1, "tags": ["a", "b"]})
    before = stored()
    response = create_with_key(client, inbox, "key", **body)

    assert response.status_code == 422
    assert response.json() == REUSED
    assert_as_described(response, "contact_create")
    assert stored() == before


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 256, id="too-long"),
        pytest.param("a b", id="space"),
        pytest.param(" key", id="space-before"),
        pytest.param("key ", id="space-after"),
        pytest.param("a, b", id="two-headers-joined-with-a-space"),
        pytest.param("a\tb", id="tab"),
        pytest.param("a\x00b", id="nul"),
        pytest.param("a\x1fb", id="control"),
        pytest.param("a\x7fb", id="delete"),
        pytest.param("key\n", id="line-feed-at-the-end"),
        pytest.param("key\r\nX-Other: 1", id="another-header"),
        pytest.param("caf\xe9", id="latin-1"),
        pytest.param("caf\xc3\xa9", id="utf-8-as-servers-hand-it-over"),
        pytest.param("\N{SNOWMAN}", id="snowman"),
    ],
)
def test_a_key_that_is_not_visible_ascii_is_refused_and_writes_nothing(client, inbox, key):
    response = create_with_key(client, inbox, key, name="Ada")

    assert response.status_code == 400
    assert response.json() == MALFORMED
    assert stored() == []


@pytest.mark.parametrize(
    "key", ["!", "~", "x" * 255, '"quoted"', "a,b", "%s", "';--", pytest.param("\\", id="backslash")]
)
def test_every_visible_character_may_stand_in_a_key(client, inbox, key):
    answers = [create_with_key(client, inbox, key) for _time in range(2)]

    assert answers[0].status_code == 200
    assert shown(answers[1]) == shown(answers[0])


def test_other_calls_ignore_the_header(client, inbox, customer):
    headers = {"idempotency-key": "not valid"}
    url = f"{contacts_url(inbox)}/{customer.source_id}"
    answers = [
        client.get(url, headers=headers),
        client.patch(url, {"name": "Ada"}, content_type="application/json", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("unknown", [False, True], ids=["known-key", "unknown-key"])
def test_a_wrong_hash_is_refused_and_shows_nothing(client, inbox, unknown):
    fields = signed(inbox, "user-7")
    create_with_key(client, inbox, "key", **fields)
    before = stored()
    response = create_with_key(client, inbox, "other" if unknown else "key", **{**fields, "identifier_hash": "0" * 64})

    assert response.status_code == 401
    assert response.json() == problem(401)
    assert stored() == before


def test_a_hash_whose_key_has_ended_gets_no_answer_again(client, inbox):
    fields = signed(inbox, "user-7")
    create_with_key(client, inbox, "key", **fields)
    rotate_hmac_token(inbox, timedelta(0))

    assert create_with_key(client, inbox, "key", **fields).status_code == 401


def test_an_inbox_that_has_become_mandatory_answers_no_visitor_again(client, inbox):
    create_with_key(client, inbox, "key", name="Ada")
    inbox.hmac_mandatory = True
    inbox.save()
    response = create_with_key(client, inbox, "key", name="Ada")

    assert response.status_code == 401
    assert response.json() == problem(401)


def test_a_throttled_call_gets_no_answer_again(client, inbox, settings):
    settings.INQUIRLY_THROTTLE_RATES = {"create": "1/day"}
    answers = [create_with_key(client, inbox, "key") for _time in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize("proven", [False, True], ids=["unsigned", "signed"])
def test_who_has_been_blocked_meanwhile_is_refused_until_they_are_not(client, inbox, proven):
    send = partial(create_with_key, client, inbox, "key", **(signed(inbox, "user-7") if proven else {"name": "Ada"}))
    first = send()
    Contact.objects.update(blocked=True)
    refused = send()
    Contact.objects.update(blocked=False)

    assert refused.status_code == 403
    assert refused.json() == problem(403)
    assert shown(send()) == shown(first)


REFUSALS = {
    "invalid": ({"name": 7}, 422),
    "wrong hash": ({"identifier": "user-7", "identifier_hash": "0" * 64}, 401),
    "list": (["x"], 400),
}


@pytest.mark.parametrize(("body", "status"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_not_kept(client, inbox, body, status):
    headers = {"idempotency-key": "key"}
    refused = client.post(contacts_url(inbox), json.dumps(body), content_type="application/json", headers=headers)

    assert refused.status_code == status
    assert stored() == []
    assert create_with_key(client, inbox, "key", name="Ada").status_code == 200


def test_the_refusal_of_a_blocked_contact_is_not_kept(client, inbox, customer):
    send = partial(create_with_key, client, inbox, "key", **signed(inbox, "user-7"))
    Contact.objects.update(blocked=True)
    before, refused = stored(), send()

    assert refused.status_code == 403
    assert stored() == before
    Contact.objects.update(blocked=False)
    assert send().status_code == 200


def test_when_the_answer_cannot_be_kept_there_is_no_contact_either(client, inbox):
    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT") and IdempotencyKey._meta.db_table in sql:
            raise OperationalError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        response = create_with_key(client, inbox, "key", name="Ada")

    assert response.status_code == 503
    assert stored() == []
    assert create_with_key(client, inbox, "key", name="Ada").status_code == 200


@pytest.mark.parametrize("known", [False, True], ids=["nobody-has-it", "somebody-has-it"])
def test_after_a_sign_in_the_old_answer_leads_nowhere(client, inbox, known):
    if known:
        ContactFactory(account=inbox.account, identifier="user-7")
    first = create_with_key(client, inbox, "key", name="Ada")
    session = ContactInbox.objects.get()
    signed_in = update_contact(client, session, **signed(inbox, "user-7", email="ada@example.com"))
    again = create_with_key(client, inbox, "key", name="Ada")

    assert signed_in.status_code == 200
    assert shown(again) == shown(first)
    assert read_contact(client, session).status_code == 404
    assert ContactInbox.objects.count() == 1


def test_after_a_merge_the_first_answer_still_leads_to_the_contact(client, inbox, customer):
    first = create_with_key(client, inbox, "key", name="Grace")
    session = ContactInbox.objects.latest("pk")
    merge(customer.contact, session.contact)
    again = create_with_key(client, inbox, "key", name="Grace")

    assert shown(again) == shown(first)
    assert read_contact(client, session).json()["id"] == customer.contact.pk


def test_who_is_erased_is_not_shown_again_to_a_session_that_has_left(client, inbox, visitor):
    first = create_with_key(client, inbox, "key", name="Ada").json()
    session = ContactInbox.objects.get(source_id=first["source_id"])
    merge(session.contact, visitor.contact)
    update_contact(client, session, **signed(inbox, "user-7"))  # signs in, and leaves the contact to the other session
    Contact.objects.get(pk=first["id"]).delete()

    again = create_with_key(client, inbox, "key", name="Ada").json()

    assert again["id"] != first["id"]
    assert again == public_contact(ContactInbox.objects.latest("pk"))


@pytest.mark.parametrize("signs_in", [False, True], ids=["by-staff", "by-a-sign-in"])
def test_after_a_merge_the_old_answer_still_comes(client, inbox, customer, signs_in):
    first = create_with_key(client, inbox, "key", name="Eve")
    session = ContactInbox.objects.get(source_id=first.json()["source_id"])
    if signs_in:
        update_contact(client, session, **signed(inbox, "user-7"))
    else:
        merge(customer.contact, session.contact)

    assert ContactInbox.objects.get(pk=session.pk).contact == customer.contact
    assert shown(create_with_key(client, inbox, "key", name="Eve")) == shown(first)


def test_who_leaves_a_contact_leaves_the_answers_of_others_alone(client, inbox, visitor):
    first = create_with_key(client, inbox, "key", name="Ada").json()
    other = create_with_key(client, inbox, "another key", name="Eve")
    session = ContactInbox.objects.get(source_id=first["source_id"])
    merge(session.contact, visitor.contact)
    update_contact(client, session, **signed(inbox, "user-7"))

    assert shown(create_with_key(client, inbox, "another key", name="Eve")) == shown(other)


def test_who_is_erased_is_not_shown_again(client, inbox):
    first = create_with_key(client, inbox, "key", name="Ada").json()
    Contact.objects.all().delete()
    assert not IdempotencyKey.objects.exists()

    again = create_with_key(client, inbox, "key", name="Ada").json()

    assert again["id"] != first["id"]
    assert again == public_contact(ContactInbox.objects.get())


def test_an_answer_is_kept_for_24_hours(client, inbox, after):
    first = create_with_key(client, inbox, "key", name="Ada")
    after(hours=24, microseconds=-1)

    assert shown(create_with_key(client, inbox, "key", name="Ada")) == shown(first)
    assert create_with_key(client, inbox, "key", name="Grace").json() == REUSED


def test_after_24_hours_the_key_is_free_for_any_body_and_kept_anew(client, inbox, after):
    first = create_with_key(client, inbox, "key", name="Ada").json()
    after(hours=24)
    second = create_with_key(client, inbox, "key", name="Grace")
    after(hours=24, microseconds=-1)

    assert second.status_code == 200
    assert second.json()["source_id"] != first["source_id"]
    assert shown(create_with_key(client, inbox, "key", name="Grace")) == shown(second)
    assert create_with_key(client, inbox, "key", name="Ada").json() == REUSED
    assert IdempotencyKey.objects.get().contact_inbox == ContactInbox.objects.latest("pk")


@pytest.mark.django_db(transaction=True)
def test_an_inbox_that_is_gone_keeps_nothing(inbox):
    def create():
        return identify.create(inbox, {}, signed=False), {}

    Inbox.objects.filter(pk=inbox.pk).delete()

    with pytest.raises(Inbox.DoesNotExist):
        idempotency.once(inbox, "key", {}, create)
    assert stored() == []


def test_pruning_deletes_what_is_no_longer_kept_and_nothing_else(visitor, after):
    IdempotencyKeyFactory.create_batch(3, contact_inbox=visitor, created_at=timezone.now())
    after(hours=24, microseconds=-1)
    kept = IdempotencyKeyFactory(contact_inbox=visitor, created_at=timezone.now())
    assert list(idempotency.prune()) == []
    after(microseconds=1)

    assert list(idempotency.prune()) == [3]
    assert IdempotencyKey.objects.get() == kept
