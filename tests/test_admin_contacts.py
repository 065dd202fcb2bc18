"""Staff write contacts: under the rules of the API, and without undoing what it writes meanwhile."""

import json
import re

import pytest
from django.contrib.admin.models import LogEntry

from contacts import identify
from contacts.models import Contact, ContactInbox

from .admin import add_url, edit, errors, list_url, open_page, page_url, send, staff
from .api import create_contact, signed
from .factories import ContactFactory, ContactInboxFactory

pytestmark = pytest.mark.django_db

CHANGED = "This has changed since the page was opened. Open the page again, and repeat your change."


def values(contact, *names):
    contact.refresh_from_db()
    return tuple(getattr(contact, name) for name in names)


def test_an_identifier_written_by_staff_verifies_the_contact(admin_client):
    contact = ContactFactory(claimed_identifier="user-8", claim_shared=True)

    response = edit(admin_client, contact, identifier="user-7")

    assert response.status_code == 302
    assert values(contact, "identifier", "claimed_identifier", "claim_shared", "verified") == (
        "user-7",
        "",
        False,
        True,
    )


def test_who_signs_that_identifier_then_gets_that_contact(admin_client, client, inbox):
    contact = ContactFactory(account=inbox.account)
    edit(admin_client, contact, identifier="user-7")

    response = create_contact(client, inbox, **signed(inbox, "user-7"))

    assert response.json()["id"] == contact.pk


def test_a_claim_stays_one_when_staff_write_something_else(admin_client):
    contact = ContactFactory(claimed_identifier="user-8", claim_shared=True)

    edit(admin_client, contact, name="Ada")

    assert values(contact, "name", "identifier", "claimed_identifier", "claim_shared") == ("Ada", None, "user-8", True)


def test_staff_can_change_and_take_away_an_identifier(admin_client, customer):
    edit(admin_client, customer.contact, identifier="user-8")
    assert values(customer.contact, "identifier") == ("user-8",)

    edit(admin_client, customer.contact, identifier="")
    assert values(customer.contact, "identifier") == (None,)


def test_an_identifier_with_white_space_at_an_end_is_refused_not_trimmed(admin_client):
    contact = ContactFactory()

    response = edit(admin_client, contact, identifier="user-7 ")

    assert errors(response) == {
        "identifier": ["An identifier has no control characters and no white space at either end."]
    }
    assert values(contact, "identifier") == (None,)


def test_an_identifier_of_another_contact_of_the_account_is_refused(admin_client, customer):
    contact = ContactFactory(account=customer.contact.account)

    response = edit(admin_client, contact, identifier="user-7")

    assert errors(response) == {"identifier": ["Another contact of this account has this identifier."]}
    assert values(contact, "identifier") == (None,)


def test_another_account_may_have_the_same_identifier(admin_client, customer):
    contact = ContactFactory()

    assert edit(admin_client, contact, identifier="user-7").status_code == 302

    assert values(contact, "identifier") == ("user-7",)


@pytest.mark.parametrize(
    ("field", "written", "kept"),
    [
        pytest.param("email", "Ada@Example.COM", "ada@example.com", id="email-in-lower-case"),
        pytest.param("email", " ada@example.com ", "ada@example.com", id="email-trimmed"),
        pytest.param("phone_number", "+1 (202) 555-0123", "+12025550123", id="phone-number-as-written"),
        pytest.param("phone_number", "+49 (0) 30 / 12", None, id="phone-number-that-is-none"),
        pytest.param("phone_number", "030 123456", None, id="phone-number-without-country"),
        pytest.param("email", "ada", None, id="no-email"),
        pytest.param("name", " Ada ", " Ada ", id="name-as-written"),
        pytest.param("name", "A\x00da", None, id="name-with-nul"),
        pytest.param("name", "A\x07da", None, id="name-with-a-bell"),
        pytest.param("avatar_url", "javascript:alert(1)", None, id="avatar-that-is-a-script"),
    ],
)
def test_fields_are_normalised_and_checked_as_in_the_api(admin_client, field, written, kept):
    contact = ContactFactory()

    response = edit(admin_client, contact, **{field: written})

    assert response.status_code == (200 if kept is None else 302)
    assert values(contact, field) == (kept or "",)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param('{"plan": ', id="broken"),
        pytest.param("[1]", id="a-list"),
        pytest.param("null", id="null"),
        pytest.param('{"a": NaN}', id="not-a-number"),
        pytest.param('{"a": 1e999}', id="infinite"),
        pytest.param(f'{{"a": {2**63}}}', id="beyond-64-bits"),
        pytest.param(f'{{"a": {"1" * 5000}}}', id="5000-digits"),
        pytest.param(r'{"a": "\u0000"}', id="nul"),
        pytest.param(r'{"a": "\ud800"}', id="lone-surrogate"),
        pytest.param(r'{"\ud800": 1}', id="lone-surrogate-in-a-key"),
        pytest.param('{"a": 1, "a": 2}', id="key-twice"),
        pytest.param('{"a": ' * 2000 + "1" + "}" * 2000, id="2000-levels"),
        pytest.param(json.dumps({"a": {"b": {"c": {"d": {"e": {}}}}}}), id="six-levels"),
        pytest.param(json.dumps({"a": "b" * 2**15}), id="too-large"),
    ],
)
def test_custom_attributes_that_a_client_could_not_send_are_refused(admin_client, written):
    contact = ContactFactory(custom_attributes={"plan": "free"})

    response = edit(admin_client, contact, custom_attributes=written)

    assert list(errors(response)) == ["custom_attributes"]
    assert values(contact, "custom_attributes") == ({"plan": "free"},)


def test_custom_attributes_are_shown_indented_and_stored_as_written(admin_client):
    contact = ContactFactory(custom_attributes={"plan": "free"})
    assert open_page(admin_client, contact)["custom_attributes"] == '{\n  "plan": "free"\n}'

    edit(admin_client, contact, custom_attributes='{"plan": "pro", "seats": [1, 2.5, null]}')

    assert values(contact, "custom_attributes") == ({"plan": "pro", "seats": [1, 2.5, None]},)


def test_no_custom_attributes_are_an_empty_object(admin_client):
    contact = ContactFactory(custom_attributes={"plan": "free"})

    edit(admin_client, contact, custom_attributes="")

    assert values(contact, "custom_attributes") == ({},)


def test_what_the_api_writes_while_staff_look_at_the_page_stays(admin_client, visitor):
    data = open_page(admin_client, visitor.contact)
    sent = {"email": "ada@example.com", "custom_attributes": {"plan": "pro"}}
    identify.update(visitor.inbox, visitor.source_id, sent, signed=False)

    assert send(admin_client, visitor.contact, data, name="Ada").status_code == 302

    assert values(visitor.contact, "name", "email", "custom_attributes") == (
        "Ada",
        "ada@example.com",
        {"plan": "pro"},
    )


def test_who_signs_in_while_staff_look_at_the_page_stays_verified(admin_client, visitor):
    data = open_page(admin_client, visitor.contact)
    identify.update(visitor.inbox, visitor.source_id, {"identifier": "user-7"}, signed=True)

    send(admin_client, visitor.contact, data, name="Ada")

    assert values(visitor.contact, "name", "identifier") == ("Ada", "user-7")


def test_what_the_api_changed_too_is_not_overwritten_unseen(admin_client, visitor):
    data = open_page(admin_client, visitor.contact)
    identify.update(visitor.inbox, visitor.source_id, {"custom_attributes": {"plan": "pro"}}, signed=False)

    response = send(admin_client, visitor.contact, data, custom_attributes='{"seats": 3}', name="Ada")

    assert errors(response) == {"custom_attributes": [CHANGED]}
    assert values(visitor.contact, "name", "custom_attributes") == ("", {"plan": "pro"})


def test_what_is_stored_already_can_be_sent_again(admin_client, visitor):
    data = open_page(admin_client, visitor.contact)

    answers = [send(admin_client, visitor.contact, data, name="Ada").status_code for _time in range(2)]

    assert answers == [302, 302]
    assert values(visitor.contact, "name") == ("Ada",)


def test_a_page_that_was_refused_still_knows_what_it_showed(admin_client, visitor):
    data = open_page(admin_client, visitor.contact)
    refused = send(admin_client, visitor.contact, data, name="Ada", email="none")
    identify.update(visitor.inbox, visitor.source_id, {"name": "Grace"}, signed=False)

    hidden = '<input type="hidden" name="initial-name" id="initial-id_name">'
    assert refused.content.decode().count(hidden) == 1
    assert errors(send(admin_client, visitor.contact, data, name="Ada")) == {"name": [CHANGED]}


@pytest.mark.parametrize("shown", ["{", '{"a": NaN}', "["])
def test_a_page_that_was_tampered_with_changes_nothing(admin_client, shown):
    contact = ContactFactory(custom_attributes={"plan": "free"})
    data = {**open_page(admin_client, contact), "initial-custom_attributes": shown}

    response = send(admin_client, contact, data, custom_attributes='{"plan": "pro"}')

    assert errors(response) == {"custom_attributes": [CHANGED]}
    assert values(contact, "custom_attributes") == ({"plan": "free"},)


def test_only_changed_fields_are_written(admin_client, django_assert_num_queries):
    contact = ContactFactory()
    data = open_page(admin_client, contact)

    with django_assert_num_queries(20, exact=False) as captured:
        send(admin_client, contact, data, name="Ada")

    updates = [query["sql"] for query in captured if query["sql"].startswith('UPDATE "inquirly_contacts_contact"')]
    assert len(updates) == 1
    written = updates[0].partition(" SET ")[2].partition(" WHERE ")[0]
    assert [assignment.split(" = ")[0] for assignment in written.split(", ")] == ['"name"', '"updated_at"']


def test_saving_without_a_change_writes_nothing(admin_client, customer):
    before = values(customer.contact, "updated_at")

    assert edit(admin_client, customer.contact).status_code == 302

    assert values(customer.contact, "updated_at") == before


def test_the_account_of_a_contact_stays(admin_client, customer, inbox):
    other = ContactFactory().account

    edit(admin_client, customer.contact, account=other.pk, name="Grace")

    assert values(customer.contact, "account", "name") == (inbox.account, "Grace")


def test_staff_add_a_contact(admin_client, inbox):
    fields = {"account": inbox.account.pk, "identifier": "user-7", "email": "ADA@example.com", "custom_attributes": ""}

    response = admin_client.post(add_url(Contact), fields)

    assert response.status_code == 302
    contact = Contact.objects.get()
    assert values(contact, "account", "identifier", "email", "custom_attributes", "verified") == (
        inbox.account,
        "user-7",
        "ada@example.com",
        {},
        True,
    )


def test_staff_cannot_add_an_identifier_twice(admin_client, customer):
    fields = {"account": customer.contact.account.pk, "identifier": "user-7"}

    response = admin_client.post(add_url(Contact), fields)

    assert errors(response) == {"identifier": ["Another contact of this account has this identifier."]}
    assert Contact.objects.count() == 1


def test_the_page_for_adding_shows_no_values_that_are_not_there_yet(admin_client):
    response = admin_client.get(add_url(Contact))

    assert [section.fields for section in response.context["adminform"]] == [
        ["account", "identifier"],
        ["name", "email", "phone_number", "avatar_url", "custom_attributes"],
        ["blocked"],
    ]


def test_the_page_of_a_contact_links_its_newest_sessions_without_their_secrets(admin_client, inbox):
    contact = ContactFactory(account=inbox.account)
    sessions = ContactInboxFactory.create_batch(21, inbox=inbox, contact=contact)

    page = admin_client.get(page_url(contact)).content.decode()

    links = [f'<a href="{page_url(one)}"><bdi>{one} · {inbox.name}</bdi></a>' for one in reversed(sessions[1:])]
    every = f'<a href="{list_url(ContactInbox)}?contact__id={contact.pk}"><bdi>All sessions of this contact</bdi></a>'
    assert f'<div class="readonly">{"<br>".join([*links, every])}</div>' in page
    assert not [one for one in sessions if one.source_id in page or one.pubsub_token in page]


def test_the_page_of_a_contact_without_sessions_says_so(admin_client):
    page = admin_client.get(page_url(ContactFactory())).content.decode()

    assert re.search(r'<label>Newest sessions:</label>\s*<div class="readonly">-</div>', page)


def test_all_sessions_of_a_contact_are_a_list_of_their_own(admin_client, visitor, customer):
    response = admin_client.get(f"/admin/inquirly_contacts/contactinbox/?contact__id={visitor.contact_id}")

    assert list(response.context["cl"].result_list) == [visitor]


def test_who_may_only_view_contacts_cannot_write_them(customer):
    client = staff("view_contact")

    assert client.get(page_url(customer.contact)).status_code == 200
    assert client.post(page_url(customer.contact), {"name": "Grace"}).status_code == 403
    assert client.get(add_url(Contact)).status_code == 403
    assert values(customer.contact, "name") == ("Ada",)


def test_the_history_names_the_fields_not_their_values(admin_client, customer):
    edit(admin_client, customer.contact, name="Grace", custom_attributes='{"plan": "pro"}')

    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Changed Name and Custom attributes."


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_sent_to_a_history_shows_it(transactional_db, admin_client, visitor):
    assert admin_client.post(page_url(visitor.contact, "history")).status_code == 200
