"""Staff set up accounts and inboxes."""

import pytest

from contacts.models import Contact, ContactInbox
from inboxes.admin import MAX_DELETED_ALONG
from inboxes.identity import hmac_tokens, rotate_hmac_token
from inboxes.models import Account, Inbox
from inboxes.tokens import default_working_hours

from .admin import add_url, delete_selected, edit, errors, list_url, open_page, page_url, send, staff
from .factories import AccountFactory

pytestmark = pytest.mark.django_db


def test_staff_make_an_inbox_and_read_its_secret_on_its_page(admin_client):
    account = AccountFactory()
    data = {**open_add_page(admin_client), "account": account.pk, "name": "Website"}

    response = admin_client.post(add_url(Inbox), data)

    inbox = Inbox.objects.get()
    assert response.status_code == 302
    assert (inbox.account, inbox.name, inbox.working_hours) == (account, "Website", default_working_hours())
    assert inbox.hmac_token in admin_client.get(page_url(inbox)).content.decode()


def open_add_page(client):
    form = client.get(add_url(Inbox)).context["adminform"].form
    return {field.html_name: field.value() for field in form if field.value()}


def test_the_page_for_adding_shows_no_key_that_will_not_be_kept(admin_client):
    response = admin_client.get(add_url(Inbox))

    names = [name for section in response.context["adminform"] for name in section.fields]
    assert names == [
        "account",
        "name",
        "hmac_mandatory",
        "match_claims",
        "allowed_origins",
        "timezone",
        "working_hours_enabled",
        "working_hours",
        "csat_survey_enabled",
        "greeting_enabled",
    ]


def test_allowed_origins_are_written_one_a_line(admin_client, inbox):
    edit(admin_client, inbox, allowed_origins="https://www.example.com\r\n\r\n http://localhost:8000 \r\n")

    inbox.refresh_from_db()
    assert inbox.allowed_origins == ["https://www.example.com", "http://localhost:8000"]
    assert open_page(admin_client, inbox)["allowed_origins"] == "https://www.example.com\nhttp://localhost:8000"


def test_an_origin_with_a_slash_at_its_end_is_refused_by_that_name(admin_client, inbox):
    response = edit(admin_client, inbox, allowed_origins="https://www.example.com/")

    assert errors(response) == {
        "allowed_origins": ["https://www.example.com/ is not an origin: leave out “/” at its end."]
    }


def test_no_allowed_origins_are_an_empty_list(admin_client, inbox):
    Inbox.objects.update(allowed_origins=["https://www.example.com"])

    assert edit(admin_client, inbox, allowed_origins="").status_code == 302

    inbox.refresh_from_db()
    assert inbox.allowed_origins == []


@pytest.mark.parametrize(
    ("field", "written"),
    [
        pytest.param("allowed_origins", "https://www.example.com/shop", id="origin-with-a-path"),
        pytest.param("allowed_origins", "https://\x00", id="origin-with-nul"),
        pytest.param("timezone", "Europe/Atlantis", id="no-time-zone"),
        pytest.param("working_hours", "", id="no-working-hours"),
        pytest.param("working_hours", "[]", id="no-days"),
        pytest.param("working_hours", "[" * 2000 + "]" * 2000, id="2000-levels"),
        pytest.param("working_hours", "1" * 5000, id="5000-digits"),
        pytest.param("working_hours", "NaN", id="not-a-number"),
        pytest.param("working_hours", '["\\ud800"]', id="lone-surrogate"),
        pytest.param("name", "", id="no-name"),
        pytest.param("name", "a" * 256, id="name-too-long"),
    ],
)
def test_what_an_inbox_cannot_hold_is_refused(admin_client, inbox, field, written):
    before = Inbox.objects.values().get()

    response = edit(admin_client, inbox, **{field: written})

    assert list(errors(response)) == [field]
    assert Inbox.objects.values().get() == before


def test_a_key_that_is_rotated_while_staff_look_at_the_page_stays(admin_client, inbox):
    data = open_page(admin_client, inbox)
    rotate_hmac_token(inbox)
    keys = hmac_tokens(inbox)

    send(admin_client, inbox, data, name="Website")

    inbox.refresh_from_db()
    assert (inbox.name, hmac_tokens(inbox)) == ("Website", keys)


def test_account_identifier_and_key_of_an_inbox_cannot_be_written(admin_client, inbox):
    before = Inbox.objects.values("account", "identifier", "hmac_token").get()

    edit(admin_client, inbox, account=AccountFactory().pk, identifier="mine", hmac_token="mine")

    assert Inbox.objects.values("account", "identifier", "hmac_token").get() == before


def test_who_may_only_view_an_inbox_cannot_write_it(inbox):
    client = staff("view_inbox")

    assert inbox.hmac_token in client.get(page_url(inbox)).content.decode()
    assert client.post(page_url(inbox), {"name": "Mine"}).status_code == 403
    assert Inbox.objects.get().name == inbox.name


def test_staff_make_rename_and_delete_an_account(admin_client):
    assert admin_client.post(add_url(Account), {"name": "Acme"}).status_code == 302
    account = Account.objects.get()
    assert edit(admin_client, account, name="Acme Ltd").status_code == 302
    account.refresh_from_db()
    assert account.name == "Acme Ltd"

    admin_client.post(page_url(account, "delete"), {"post": "yes"})

    assert not Account.objects.exists()


def test_an_account_with_contacts_is_not_deleted(admin_client, visitor):
    response = admin_client.post(page_url(visitor.inbox.account, "delete"), {"post": "yes"})

    assert response.status_code == 200
    assert [str(row) for row in response.context["protected"]]
    assert Account.objects.exists()


def test_an_inbox_is_deleted_with_its_sessions_and_their_secrets_are_not_shown(admin_client, customer):
    page = admin_client.get(page_url(customer.inbox, "delete")).content.decode()
    assert f'Session: <a href="{page_url(customer)}">#{customer.pk}</a>' in page
    assert not [one for one in (customer.source_id, customer.pubsub_token, customer.inbox.hmac_token) if one in page]

    admin_client.post(page_url(customer.inbox, "delete"), {"post": "yes"})

    assert not Inbox.objects.exists()


def test_what_much_belongs_to_is_not_deleted_here(admin_client, inbox):
    contacts = [Contact(account=inbox.account) for _number in range(MAX_DELETED_ALONG + 1)]
    contacts = Contact.objects.bulk_create(contacts)
    ContactInbox.objects.bulk_create(ContactInbox(inbox=inbox, contact=contact) for contact in contacts)

    for row in (inbox, inbox.account):
        assert "deletelink" not in admin_client.get(page_url(row)).content.decode()
        assert admin_client.post(page_url(row, "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", [Account, Inbox])
def test_not_many_are_deleted_at_once(admin_client, model, inbox):
    assert "delete_selected" not in admin_client.get(list_url(model)).content.decode()
    delete_selected(admin_client, inbox if model is Inbox else inbox.account)

    assert model.objects.exists()
