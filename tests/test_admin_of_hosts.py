"""What a host adds to the lists of the admin, in a class of its own."""

import pytest
from django.contrib.admin import EmptyFieldListFilter, SimpleListFilter

from contacts.admin import ContactAdmin
from contacts.models import Contact

from .admin import list_url
from .factories import ContactFactory

pytestmark = pytest.mark.django_db


class Reachable(SimpleListFilter):
    title, parameter_name = "reachable", "reachable"

    def lookups(self, request, model_admin):
        return [("by-email", "by email")]

    def queryset(self, request, queryset):
        return queryset.exclude(email="") if self.value() else queryset


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
