"""POST …/contacts: who is made, who is met, and what is refused."""

import re

import pytest
from django.core.validators import EmailValidator
from django.db import connection
from django.db.models.signals import post_save, pre_save
from django.test import Client

from contacts import identify
from contacts.models import Contact, ContactInbox
from contacts.signals import contact_updated
from inboxes.identity import identifier_hash

from .api import contacts_url, create_contact, problem, public_contact, signed, stored, update_contact
from .factories import ContactFactory, InboxFactory

IDENTITY = {"identifier": "user-7", "email": "ada@example.com", "phone_number": "+12025550123"}


def test_a_visitor_who_sends_nothing_gets_a_contact(client, inbox):
    response = client.generic("POST", contacts_url(inbox))
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert response.json() == {
        "id": session.contact.pk,
        "source_id": session.source_id,
        "pubsub_token": session.pubsub_token,
        "name": "",
        "email": None,
        "phone_number": None,
    }


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="empty-object"),
        pytest.param(
            dict.fromkeys([*IDENTITY, "name", "avatar_url", "custom_attributes", "identifier_hash"]), id="null"
        ),
        pytest.param(
            dict.fromkeys([*IDENTITY, "name", "avatar_url", "custom_attributes", "identifier_hash"], ""), id="blank"
        ),
        pytest.param({"unknown": {"a": [1]}, "id": 7, "account_id": 9, "hmac_verified": True}, id="unknown-keys"),
    ],
)
def test_bodies_that_name_nothing_make_an_anonymous_contact(client, inbox, fields):
    response = create_contact(client, inbox, **fields)
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert response.json() == public_contact(session)
    assert (session.contact.identifier, session.contact.claimed_identifier, session.hmac_verified) == (None, "", False)
    assert session.contact.account == inbox.account


def test_every_field_is_stored(client, inbox):
    response = create_contact(
        client,
        inbox,
        name=" Ada  Lovelace ",
        email="Ada@Example.COM",
        phone_number="+1 (202) 555-01.23",
        avatar_url="https://example.com/ada.png",
        custom_attributes={
            "plan": "pro",
            "seats": 3,
            "tags": ["a", None],
            "gone": None,
            "deep": {"gone": None, "x": 1.5},
        },
    )
    session = ContactInbox.objects.get()

    assert response.json() == {
        "id": session.contact.pk,
        "source_id": session.source_id,
        "pubsub_token": session.pubsub_token,
        "name": " Ada  Lovelace ",
        "email": "ada@example.com",
        "phone_number": "+12025550123",
    }
    assert session.contact.avatar_url == "https://example.com/ada.png"
    assert session.contact.custom_attributes == {"plan": "pro", "seats": 3, "tags": ["a", None], "deep": {"x": 1.5}}


def test_what_the_server_sets_cannot_be_sent(client, inbox):
    response = create_contact(
        client, inbox, source_id="mine", pubsub_token="mine", id=1, hmac_verified=True, blocked=True
    )
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert "mine" not in (session.source_id, session.pubsub_token)
    assert not session.hmac_verified
    assert not session.contact.blocked


def test_source_ids_and_tokens_hold_128_random_bits_in_url_safe_letters(client, inbox):
    answers = [create_contact(client, inbox).json() for _ in range(20)]
    tokens = {answer[key] for answer in answers for key in ("source_id", "pubsub_token")}

    assert len(tokens) == 40
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,}", token) for token in tokens)


def test_an_unsigned_request_matches_nobody(client, inbox, customer):
    before = stored()
    response = create_contact(client, inbox, **IDENTITY, name="Mallory")
    session = ContactInbox.objects.latest("pk")

    assert response.status_code == 200
    assert response.json() == public_contact(session)
    assert session.contact != customer.contact
    assert session.contact.identifier is None
    assert session.contact.claimed_identifier == "user-7"
    assert [row for row in stored() if row in before] == before


def test_a_claim_does_not_keep_the_owner_from_their_identifier(client, inbox):
    create_contact(client, inbox, identifier="user-7", name="Mallory")
    response = create_contact(client, inbox, **signed(inbox, "user-7", name="Ada"))
    session = ContactInbox.objects.latest("pk")

    assert response.status_code == 200
    assert (session.contact.identifier, session.contact.name) == ("user-7", "Ada")
    assert Contact.objects.count() == 2


@pytest.mark.parametrize("known", [True, False])
def test_nobody_can_find_out_who_exists(client, inbox, django_assert_num_queries, known):
    if known:
        ContactFactory(account=inbox.account, **IDENTITY)
    # One statement on PostgreSQL, on SQLite two in a transaction; and the inbox is read.
    with django_assert_num_queries(2 if connection.vendor == "postgresql" else 5):
        response = create_contact(client, inbox, **IDENTITY)
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert response.json() == public_contact(session)


def test_a_signed_request_makes_the_contact(client, inbox):
    response = create_contact(client, inbox, **signed(inbox, "user-7", name="Ada"))
    session = ContactInbox.objects.get()

    assert response.status_code == 200
    assert response.json() == public_contact(session)
    assert (session.contact.identifier, session.hmac_verified) == ("user-7", True)


@pytest.mark.parametrize("sent", [{}, {"name": "Grace"}, {"email": "g@example.com", "phone_number": "+12025550199"}])
def test_a_signed_request_changes_what_it_sends_of_somebody_known_and_nothing_else(
    client, inbox, customer, sent, django_capture_on_commit_callbacks
):
    told, columns = [], [field.attname for field in Contact._meta.concrete_fields]
    contact_updated.connect(tell := lambda contact, **named: told.append(contact))
    before = Contact.objects.values(*columns).get()

    with django_capture_on_commit_callbacks(execute=True):
        response = create_contact(client, inbox, **signed(inbox, "user-7", **sent))

    after = Contact.objects.values(*columns).get()
    session = ContactInbox.objects.latest("pk")
    times = {name: after[name] for name in ("last_activity_at", "updated_at")}
    assert response.status_code == 200
    assert response.json() == public_contact(session)
    assert (session.contact_id, session.hmac_verified) == (customer.contact_id, True)
    assert after == {**before, **sent, **times}
    assert all(time > before[name] for name, time in times.items())
    assert [{name: getattr(contact, name) for name in columns} for contact in told] == [after] * bool(sent)
    contact_updated.disconnect(tell)


def test_a_second_signed_request_meets_the_same_contact_in_a_new_session(client, inbox, customer):
    customer.contact.custom_attributes = {"plan": "pro", "seats": {"max": 3, "used": 1}}
    customer.contact.save()
    response = create_contact(
        client,
        inbox,
        **signed(inbox, "user-7", name="Countess", custom_attributes={"plan": None, "seats": {"used": 2}}),
    )
    session = ContactInbox.objects.latest("pk")

    assert response.json() == public_contact(session)
    assert session.contact == customer.contact
    assert session.source_id != customer.source_id
    assert (session.contact.name, session.contact.email) == ("Countess", "ada@example.com")
    assert session.contact.custom_attributes == {"seats": {"max": 3, "used": 2}}


def test_an_identifier_may_be_an_integer(client, inbox):
    response = create_contact(client, inbox, identifier=42, identifier_hash=identifier_hash(inbox.hmac_token, "42"))

    assert response.status_code == 200
    assert Contact.objects.get().identifier == "42"


@pytest.mark.parametrize("spelling", ["User-7", "USER-7", "user\N{NON-BREAKING HYPHEN}7", "user-7\N{ZERO WIDTH SPACE}"])
def test_another_spelling_is_another_person(client, inbox, customer, spelling):
    response = create_contact(client, inbox, **signed(inbox, spelling))

    assert response.status_code == 200
    assert response.json()["id"] != customer.contact.pk
    assert Contact.objects.get(identifier=spelling) != customer.contact


def test_normal_forms_are_kept_apart(client, inbox):
    create_contact(client, inbox, **signed(inbox, "caf\N{LATIN SMALL LETTER E WITH ACUTE}"))
    create_contact(client, inbox, **signed(inbox, "cafe\N{COMBINING ACUTE ACCENT}"))

    assert Contact.objects.count() == 2


def test_two_people_may_share_an_email_and_a_phone_number(client, inbox):
    for identifier in ("user-7", "user-8"):
        fields = {"email": "both@example.com", "phone_number": "+12025550123"}
        create_contact(client, inbox, **signed(inbox, identifier, **fields))

    assert Contact.objects.filter(email="both@example.com", phone_number="+12025550123").count() == 2


def test_the_same_identifier_in_two_accounts_is_two_people(client, inbox):
    other = InboxFactory()
    ids = [create_contact(client, one, **signed(one, "user-7")).json()["id"] for one in (inbox, other, inbox, other)]

    assert ids[:2] == ids[2:]
    assert dict(Contact.objects.values_list("pk", "account")) == {ids[0]: inbox.account_id, ids[1]: other.account_id}


def test_two_inboxes_of_an_account_meet_the_same_person(client, inbox):
    other = InboxFactory(account=inbox.account)
    first = create_contact(client, inbox, **signed(inbox, "user-7")).json()
    second = create_contact(client, other, **signed(other, "user-7")).json()

    assert first["id"] == second["id"]


@pytest.mark.parametrize("mandatory", [True, False])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"identifier": "user-7", "identifier_hash": "0" * 64}, id="of-nothing"),
        pytest.param({"identifier": "user-7", "identifier_hash": identifier_hash("other", "user-7")}, id="another-key"),
        pytest.param({"identifier": "user-7", "identifier_hash": "\N{SNOWMAN}"}, id="not-ascii"),
        pytest.param({"identifier": "user-7", "identifier_hash": 7}, id="integer"),
        pytest.param({"identifier": "user-7", "identifier_hash": False}, id="false"),
        pytest.param({"identifier": "user-7", "identifier_hash": ["0"]}, id="list"),
        pytest.param({"identifier_hash": "0" * 64}, id="without-identifier"),
        pytest.param({"identifier": None, "identifier_hash": "0" * 64}, id="null-identifier"),
        pytest.param({"identifier": "", "identifier_hash": identifier_hash("tok", "")}, id="empty-identifier"),
        pytest.param({"identifier": True, "identifier_hash": identifier_hash("tok", "True")}, id="boolean"),
        pytest.param({"identifier": ["user-7"], "identifier_hash": "0" * 64}, id="list-identifier"),
    ],
)
def test_a_wrong_hash_is_refused_and_writes_nothing(client, db, sent, mandatory):
    inbox = InboxFactory(hmac_token="tok", hmac_mandatory=mandatory)
    response = create_contact(client, inbox, name="Ada", **sent)

    assert response.status_code == 401
    assert response.json() == problem(401)
    assert response["WWW-Authenticate"] == "IdentifierHash"
    assert stored() == []


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_hash_is_no_hash(client, inbox, blank):
    response = create_contact(client, inbox, identifier="user-7", identifier_hash=blank)

    assert response.status_code == 200
    assert Contact.objects.get().claimed_identifier == "user-7"


@pytest.mark.parametrize("email", ["ada", "ada@", "@", "ada@example"])
def test_an_address_that_is_none_is_said_to_be_none(client, inbox, email):
    response = create_contact(client, inbox, email=email)

    assert [error["message"] for error in response.json()["errors"]] == [str(EmailValidator.message)]


@pytest.mark.parametrize(
    "fields",
    [{}, {"identifier": "user-7"}, {"identifier": "user-7", "identifier_hash": ""}, {"name": 5, "email": "none"}],
)
def test_a_mandatory_inbox_takes_signed_requests_only(client, db, fields):
    response = create_contact(client, InboxFactory(hmac_mandatory=True), **fields)

    assert response.status_code == 401
    assert response.json() == problem(401)
    assert stored() == []


def test_a_mandatory_inbox_takes_a_signed_request(client, db):
    inbox = InboxFactory(hmac_mandatory=True)

    assert create_contact(client, inbox, **signed(inbox, "user-7")).status_code == 200


def test_a_blocked_contact_cannot_come_back(client, inbox, customer):
    Contact.objects.update(blocked=True)
    before = stored()
    response = create_contact(client, inbox, **signed(inbox, "user-7", name="Back"))

    assert response.status_code == 403
    assert response.json() == problem(403)
    assert stored() == before


def test_an_unknown_inbox_is_not_found(client, db):
    response = create_contact(client, InboxFactory.build(), name="Ada")

    assert response.status_code == 404
    assert response.json() == problem(404)
    assert stored() == []


BROKEN_FIELDS = [
    pytest.param("identifier", " user-7", "invalid_identifier", id="identifier-space-before"),
    pytest.param("identifier", "user-7\N{NO-BREAK SPACE}", "invalid_identifier", id="identifier-space-after"),
    pytest.param("identifier", " ", "invalid_identifier", id="identifier-of-space"),
    pytest.param("identifier", "user\n7", "invalid_identifier", id="identifier-control"),
    pytest.param("identifier", "user\x857", "invalid_identifier", id="identifier-c1-control"),
    pytest.param("identifier", "x" * 256, "max_length", id="identifier-too-long"),
    pytest.param("identifier", True, "invalid", id="identifier-boolean"),
    pytest.param("identifier", 1.5, "invalid", id="identifier-float"),
    pytest.param("identifier", ["x"], "invalid", id="identifier-list"),
    pytest.param("name", "x" * 256, "max_length", id="name-too-long"),
    pytest.param("name", "Ada\x07", "control_characters", id="name-control"),
    pytest.param("name", 7, "invalid", id="name-number"),
    pytest.param("name", {"first": "Ada"}, "invalid", id="name-object"),
    pytest.param("email", "ada", "invalid", id="email-without-at"),
    pytest.param("email", " ada@example.com", "invalid", id="email-space"),
    pytest.param("email", "ada@example.com\n", "invalid", id="email-line-feed"),
    pytest.param("email", '"a\x01b"@example.com', "invalid", id="email-quoted-control"),
    pytest.param("email", "a" * 243 + "@example.com", "max_length", id="email-too-long"),
    pytest.param("email", "ada@example.com\N{IDEOGRAPHIC SPACE}", "invalid", id="email-space-after"),
    pytest.param("email", "ada@exa\N{ZERO WIDTH SPACE}mple.com", "invalid", id="email-that-hides-something"),
    pytest.param("email", "ada@exa\N{SOFT HYPHEN}mple.com", "invalid", id="email-with-a-soft-hyphen"),
    pytest.param("email", "ada@exa\N{INTERLINEAR ANNOTATION ANCHOR}mple.com", "invalid", id="email-with-an-anchor"),
    pytest.param("email", "ada@exa\N{VARIATION SELECTOR-16}mple.com", "invalid", id="email-with-a-selector"),
    pytest.param("email", 7, "invalid", id="email-number"),
    pytest.param("email", "\N{KELVIN SIGN}@example.com", "invalid", id="email-that-looks-like-another"),
    pytest.param("phone_number", "12025550123", "invalid_phone_number", id="phone-without-plus"),
    pytest.param("phone_number", "+02025550123", "invalid_phone_number", id="phone-zero"),
    pytest.param("phone_number", "+123456", "invalid_phone_number", id="phone-too-short"),
    pytest.param("phone_number", "+1234567890123456", "invalid_phone_number", id="phone-too-long"),
    pytest.param("phone_number", "+1202555\N{ARABIC-INDIC DIGIT THREE}123", "invalid_phone_number", id="phone-digits"),
    pytest.param("phone_number", "+1202555x123", "invalid_phone_number", id="phone-letters"),
    pytest.param("phone_number", "+12025550123\n", "invalid_phone_number", id="phone-line-feed"),
    pytest.param("phone_number", "()", "invalid_phone_number", id="phone-brackets-only"),
    pytest.param("phone_number", 12025550123, "invalid", id="phone-number"),
    pytest.param("avatar_url", "ftp://example.com/a.png", "invalid_avatar_url", id="avatar-ftp"),
    pytest.param("avatar_url", "javascript:alert(1)", "invalid_avatar_url", id="avatar-javascript"),
    pytest.param("avatar_url", "https://", "invalid_avatar_url", id="avatar-without-host"),
    pytest.param("avatar_url", "https://example.com/a b", "invalid_avatar_url", id="avatar-space"),
    pytest.param("avatar_url", "https://@/a.png", "invalid_avatar_url", id="avatar-user-without-host"),
    pytest.param("avatar_url", "https://:80/a.png", "invalid_avatar_url", id="avatar-port-without-host"),
    pytest.param("avatar_url", "https://[::1/a.png", "invalid_avatar_url", id="avatar-half-a-bracket"),
    pytest.param("avatar_url", "https://example.com:port/", "invalid_avatar_url", id="avatar-port"),
    pytest.param("avatar_url", 'https://example.com/"onload=', "invalid_avatar_url", id="avatar-quote"),
    pytest.param("avatar_url", "https://<script>/", "invalid_avatar_url", id="avatar-tag"),
    pytest.param("avatar_url", "https://example.com/" + "a" * 2030, "max_length", id="avatar-too-long"),
    pytest.param("avatar_url", ["https://example.com"], "invalid", id="avatar-list"),
    pytest.param("custom_attributes", [], "invalid", id="attributes-list"),
    pytest.param("custom_attributes", "x", "invalid", id="attributes-text"),
    pytest.param("custom_attributes", {"x" * 101: 1}, "key_too_long", id="attributes-long-key"),
    pytest.param("custom_attributes", {str(i): i for i in range(201)}, "too_many_keys", id="attributes-many-keys"),
    pytest.param("custom_attributes", {"a": [{"b": [{"c": []}]}]}, "too_deep", id="attributes-deep"),
    pytest.param("custom_attributes", {"a": "x" * 33_000}, "too_large", id="attributes-large"),
]


@pytest.mark.parametrize(("field", "value", "code"), BROKEN_FIELDS)
def test_a_field_that_is_not_valid_is_named(client, inbox, field, value, code):
    response = create_contact(client, inbox, **{"custom_attributes": {"fine": 1}, "name": "Ada", field: value})
    body = response.json()
    message = body["errors"][0]["message"]

    assert response.status_code == 422
    assert body == problem(422, errors=[{"field": field, "code": code, "message": message}])
    assert message
    assert stored() == []


def test_every_bad_field_is_named_at_once(client, inbox):
    response = create_contact(
        client, inbox, identifier=" x", name=1, email="x", phone_number="x", avatar_url="x", custom_attributes=1
    )

    assert response.status_code == 422
    assert {error["field"]: error["code"] for error in response.json()["errors"]} == {
        "identifier": "invalid_identifier",
        "name": "invalid",
        "email": "invalid",
        "phone_number": "invalid_phone_number",
        "avatar_url": "invalid_avatar_url",
        "custom_attributes": "invalid",
    }
    assert stored() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("identifier", "x" * 255, id="identifier"),
        pytest.param("identifier", "a\N{NO-BREAK SPACE}b", id="identifier-inner-space"),
        pytest.param("name", "\N{PILE OF POO}" * 255, id="name"),
        pytest.param("email", "a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 57 + ".de", id="email"),
        pytest.param("phone_number", "+1234567", id="phone-7-digits"),
        pytest.param("phone_number", "+123456789012345", id="phone-15-digits"),
        pytest.param("avatar_url", "http://example.com/" + "a" * 2029, id="avatar"),
        pytest.param("avatar_url", "HTTPS://user@Example.com:8443/a.png?b=[1]#c", id="avatar-every-part"),
        pytest.param("avatar_url", "http://[2001:db8::1]/\N{SNOWMAN}.png", id="avatar-ipv6"),
        pytest.param("custom_attributes", {"x" * 100: 1}, id="attributes-key"),
        pytest.param("custom_attributes", {str(i): i for i in range(200)}, id="attributes-200-keys"),
        pytest.param("custom_attributes", {"a": [{"b": [{"c": 1}]}]}, id="attributes-depth-5"),
        pytest.param("custom_attributes", {"a": "x" * (32 * 1024 - 8)}, id="attributes-32-KiB"),
        pytest.param("custom_attributes", {"a": 2**63 - 1, "b": -(2**63), "c": 1.7976931348623157e308}, id="numbers"),
    ],
)
def test_the_limits_themselves_are_allowed(client, inbox, field, value):
    response = create_contact(client, inbox, **{field: value})
    contact = Contact.objects.get()

    assert response.status_code == 200
    assert (contact.claimed_identifier if field == "identifier" else getattr(contact, field)) == value


def test_a_signed_identifier_that_is_not_valid_is_refused_after_the_hash(client, inbox):
    response = create_contact(client, inbox, **signed(inbox, "user-7 "))

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["identifier"]
    assert stored() == []


def test_attributes_are_counted_after_merging(client, inbox, customer):
    customer.contact.custom_attributes = {str(i): i for i in range(150)}
    customer.contact.save()
    before = stored()
    response = create_contact(
        client, inbox, **signed(inbox, "user-7", custom_attributes={str(i): i for i in range(100, 201)})
    )

    assert response.status_code == 422
    assert response.json() == problem(
        422,
        errors=[{"field": "custom_attributes", "code": "too_many_keys", "message": "Send at most 200 keys in all."}],
    )
    assert stored() == before


def test_a_hash_counts_where_the_call_takes_it(client, inbox):
    response = client.post(f"{contacts_url(inbox)}?identifier_hash=0", {"name": "Ada"}, content_type="application/json")

    assert response.status_code == 200


def test_the_domain_of_an_email_may_be_any_script(client, inbox):
    response = create_contact(client, inbox, email="Ada@B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}cher.example")

    assert response.json()["email"] == "ada@b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"


def test_credentials_of_the_host_change_nothing(client, inbox, admin_user):
    client.force_login(admin_user)
    response = client.post(
        contacts_url(inbox),
        {"name": "Ada"},
        content_type="application/json",
        headers={"authorization": "Basic YTpi", "api-access-token": "agent"},
    )

    assert response.status_code == 200
    assert not response.cookies


def test_no_csrf_token_is_asked_for(inbox):
    assert create_contact(Client(enforce_csrf_checks=True), inbox).status_code == 200


def test_a_call_sends_no_signal_of_a_save(client, inbox, visitor):
    saved = []

    def note(instance, **kwargs):
        saved.append(instance)

    for signal in (pre_save, post_save):
        signal.connect(note)
    try:
        create_contact(client, inbox, **signed(inbox, "user-7", name="Ada"))
        create_contact(client, inbox, **signed(inbox, "user-7", name="Grace"))
        update_contact(client, visitor, name="Grace")
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(note)

    assert saved == []
    assert Contact.objects.filter(name="Grace").count() == 2


def test_a_known_contact_is_written_over_without_a_look_under_a_lock(client, customer, monkeypatch):
    monkeypatch.setattr(identify, "_find", lambda *args: pytest.fail("The contact was locked."))
    response = create_contact(client, customer.inbox, **signed(customer.inbox, "user-7", name="Grace"))

    assert response.status_code == 200
    assert response.json()["id"] == customer.contact_id
    assert response.json()["name"] == Contact.objects.get().name == "Grace"
