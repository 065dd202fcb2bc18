"""What a host adds to the admin in a class of its own, filters and fields to write, and what it takes out."""

import re
from datetime import timedelta

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter, SimpleListFilter
from django.urls import path, reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

from contacts.admin import ContactAdmin
from contacts.forms import ContactForm
from contacts.merge import merge
from contacts.models import Contact, ContactInbox, ContactMerge
from inboxes.admin import InboxAdmin
from inboxes.models import Account, Inbox

from .admin import act, delete, delete_selected, list_url, open_page, page_url, say_yes, send, told
from .factories import ContactFactory
from .test_admin_contacts import CHANGED, values

pytestmark = pytest.mark.django_db


class Reachable(SimpleListFilter):
    title, parameter_name = "reachable", "reachable"

    def lookups(self, request, model_admin):
        return [("by-email", "by email")]

    def queryset(self, request, queryset):
        return queryset.exclude(email="") if self.value() else queryset


def test_a_list_by_dates_shows_those_of_a_month(admin_client, customer, monkeypatch):
    monkeypatch.setattr(ContactAdmin, "date_hierarchy", "created_at")
    ContactFactory()
    Contact.objects.filter(pk=customer.contact_id).update(created_at=timezone.now() - timedelta(days=400))
    month = Contact.objects.get(pk=customer.contact_id).created_at

    page = admin_client.get(list_url(Contact), {"created_at__year": month.year, "created_at__month": month.month})

    assert list(page.context["cl"].result_list) == [customer.contact]


def test_staff_who_may_not_see_a_contact_cannot_merge_it(admin_client, customer, monkeypatch):
    hidden = ContactFactory(account=customer.contact.account, name="Hidden")
    asked = act(admin_client, "merge_contacts", customer.contact, hidden)
    monkeypatch.setattr(ContactAdmin, "get_queryset", lambda *args: Contact.objects.exclude(name="Hidden"))

    say_yes(admin_client, asked, customer.contact, hidden, base=customer.contact_id)

    assert not ContactMerge.objects.exists()


@pytest.fixture
def taken_out(settings):
    """Take models out of the admin, as a project does by ``unregister``."""
    registered = dict(admin.site._registry)

    def take_out(*models):
        admin.site.unregister(models)
        settings.ROOT_URLCONF = (path("admin/", admin.site.urls),)

    yield take_out
    admin.site._registry.update(registered)


@pytest.fixture
def editable(monkeypatch):
    """Let staff write a field in the list."""

    def let(model_admin, field):
        monkeypatch.setattr(model_admin, "list_display", ("id", field))
        monkeypatch.setattr(model_admin, "list_display_links", ("id",))
        monkeypatch.setattr(model_admin, "list_editable", (field,))

    return let


def open_list(client, model):
    """Open the list and return what a browser would send if nothing were changed."""
    formset = client.get(list_url(model)).context["cl"].formset
    data = {"_save": "Save"}
    for field in [field for form in (formset.management_form, *formset.forms) for field in form]:
        value = field.value()
        data[field.html_name] = "" if value is None else value
        if field.field.show_hidden_initial:
            data[field.html_initial_name] = data[field.html_name]
    return data


def test_the_filters_of_a_host_can_be_followed(admin_client, customer, monkeypatch):
    by_email = ("email", EmptyFieldListFilter)
    filters = ("blocked", "account", "account__name", "created_at", "identifier", by_email, Reachable)
    monkeypatch.setattr(ContactAdmin, "list_filter", filters)
    ContactFactory(blocked=True)
    changelist = admin_client.get(list_url(Contact)).context["cl"]
    links = [choice["query_string"] for one in changelist.filter_specs for choice in one.choices(changelist)]

    answers = {link: admin_client.get(list_url(Contact) + link) for link in links}

    assert len(changelist.filter_specs) == len(filters)
    assert {answer.status_code for answer in answers.values()} == {200}
    found = {link: list(answer.context["cl"].result_list) for link, answer in answers.items()}
    assert found["?blocked__exact=0"] == found["?reachable=by-email"] == [customer.contact]


@pytest.mark.parametrize(
    "query",
    [
        "email__gte=a",
        "email=ada@example.com",
        "account__inboxes__hmac_token__startswith=a",
        "account__name__startswith=A",
        "phone_number__isempty=1",
        "blocked__in=1",
    ],
)
def test_beside_the_filters_of_a_host_none_can_be_typed(admin_client, monkeypatch, query):
    monkeypatch.setattr(ContactAdmin, "list_filter", ("blocked", "account", ("email", EmptyFieldListFilter)))

    assert admin_client.get(f"{list_url(Contact)}?{query}").status_code == 400


def test_what_staff_write_in_a_list_is_stored_and_nothing_else(admin_client, customer, editable):
    editable(ContactAdmin, "name")
    data = open_list(admin_client, Contact)
    earlier = timezone.now() - timedelta(days=1)
    Contact.objects.update(email="new@example.com", updated_at=earlier)  # as calls do meanwhile

    response = admin_client.post(list_url(Contact), {**data, "form-0-name": " Countess "})

    assert response.status_code == 302
    assert values(customer.contact, "name", "email") == (" Countess ", "new@example.com")
    assert customer.contact.updated_at > earlier


def test_what_a_call_changed_too_is_not_overwritten_from_a_list(admin_client, customer, editable):
    editable(ContactAdmin, "name")
    data = open_list(admin_client, Contact)
    Contact.objects.update(name="Ada L.")

    response = admin_client.post(list_url(Contact), {**data, "form-0-name": "Countess"})

    assert response.context["cl"].formset.errors == [{"name": [CHANGED]}]
    assert values(customer.contact, "name") == ("Ada L.",)


def test_an_identifier_written_in_a_list_verifies_the_contact(admin_client, editable):
    contact = ContactFactory(claimed_identifier="user-8", claim_shared=True)
    editable(ContactAdmin, "identifier")

    admin_client.post(list_url(Contact), {**open_list(admin_client, Contact), "form-0-identifier": "user-7"})

    assert values(contact, "identifier", "claimed_identifier", "claim_shared") == ("user-7", "", False)


def test_an_inbox_that_is_renamed_in_a_list_keeps_its_origins(admin_client, inbox, editable):
    Inbox.objects.update(allowed_origins=["https://www.example.com"])
    editable(InboxAdmin, "name")
    data = open_list(admin_client, Inbox)

    admin_client.post(list_url(Inbox), {**data, "form-0-name": "Shop"})

    assert not [name for name in data if "allowed_origins" in name]

    assert values(inbox, "name", "allowed_origins") == ("Shop", ["https://www.example.com"])


def test_sessions_that_are_not_shown_are_named_without_a_link(admin_client, customer, taken_out):
    taken_out(ContactInbox)

    page = admin_client.get(page_url(customer.contact))

    assertContains(page, f'<div class="readonly">{customer} · {customer.inbox}</div>', html=True)


@pytest.mark.parametrize("way", [delete, delete_selected])
def test_a_contact_is_erased_where_records_of_merges_are_not_shown(admin_client, customer, visitor, taken_out, way):
    merge(customer.contact, visitor.contact)
    taken_out(ContactMerge)

    response = way(admin_client, customer.contact)

    assert not Contact.objects.exists()
    assert [one for one in told(admin_client.get(response.headers["Location"])) if "merge" in one] == [
        "What was known before a merge is kept in records of merges. If it has to go as well, delete these too."
    ]


def test_in_an_admin_of_their_own_staff_stay_there(admin_client, customer, settings):
    office = admin.AdminSite(name="office")
    office.register([Account, Inbox], InboxAdmin)
    office.register([Contact, ContactInbox], ContactAdmin)
    settings.ROOT_URLCONF = (path("admin/", admin.site.urls), path("office/", office.urls))
    ContactFactory(account=customer.contact.account, email=customer.contact.email)
    asked = {"action": "rotate_now", "_selected_action": [customer.inbox_id]}
    pages = [
        admin_client.get(f"/office/inquirly_contacts/contact/{customer.contact_id}/change/"),
        admin_client.post("/office/inquirly_inboxes/inbox/", asked),
    ]

    for page in pages:
        links = re.findall(r'href="(/(?:admin|office)/inquirly_[^"]+)"', page.content.decode())
        assert links
        assert [link for link in links if not link.startswith("/office/")] == []


class NoteForm(ContactForm):
    note = forms.CharField(required=False)


def test_a_host_may_add_a_field_to_the_form_that_the_model_has_not(admin_client, customer, monkeypatch):
    monkeypatch.setattr(ContactAdmin, "form", NoteForm)
    monkeypatch.setattr(ContactAdmin, "fieldsets", ((None, {"fields": ("name", "note")}),))
    data = open_page(admin_client, customer.contact)

    unchanged = send(admin_client, customer.contact, data, note="call back")
    renamed = send(admin_client, customer.contact, data, note="call back", name="Countess")

    assert (unchanged.status_code, renamed.status_code) == (302, 302)
    assert values(customer.contact, "name", "email") == ("Countess", "ada@example.com")


def test_a_host_may_put_fields_on_one_line(admin_client, monkeypatch):
    lines = (("name", "likely_duplicates"), ("created_at", "updated_at"), "email")
    monkeypatch.setattr(ContactAdmin, "fieldsets", ((None, {"fields": lines}),))

    page = admin_client.get(reverse("admin:inquirly_contacts_contact_add"))

    assert list(page.context["adminform"].fieldsets) == [(None, {"fields": [("name",), "email"]})]
