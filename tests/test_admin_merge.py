"""Staff merge two contacts: they see both, say which one wins, and are told what was done."""

import html
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from contacts.models import Contact, ContactMerge

from .admin import act, confirm, list_url, page_url, say_yes, staff, told
from .api import stored
from .factories import ContactFactory
from .test_site_pages import POLICY, inline

pytestmark = pytest.mark.django_db

NOT_TWO = "Choose exactly two contacts to merge. Nothing has changed."
TWO_ACCOUNTS = "These contacts belong to two accounts and cannot be merged. Nothing has changed."
CHANGED = "This has changed since you were asked. Nothing has been done now: look again."
GONE = "One of the two contacts is no longer here: it was merged or deleted already. Nothing has changed now."


@pytest.fixture
def pair(customer, visitor):
    """A verified contact with all fields and a visitor, of one account."""
    Contact.objects.filter(pk=visitor.contact.pk).update(name="A. Lovelace", custom_attributes={"plan": "<pro>"})
    visitor.contact.refresh_from_db()
    return customer.contact, visitor.contact


@pytest.mark.parametrize("shared", ["email", "phone_number"])
def test_the_page_of_a_contact_leads_to_its_likely_duplicates(admin_client, pair, shared):
    customer, visitor = pair
    Contact.objects.filter(pk=visitor.pk).update(**{shared: getattr(customer, shared)})
    ContactFactory(**{shared: getattr(customer, shared)})  # of another account

    page = admin_client.get(page_url(customer)).content.decode()

    assert f'<a href="{page_url(visitor)}"><bdi>#{visitor.pk} A. Lovelace</bdi></a>' in page
    together = html.unescape(re.search(r'href="([^"]+)"><bdi>Show them together', page)[1])
    assert list(admin_client.get(together).context["cl"].result_list) == sorted(pair, key=lambda one: -one.pk)


def test_who_shares_nothing_is_no_duplicate(admin_client, pair):
    for contact in pair:
        page = admin_client.get(page_url(contact)).content.decode()
        assert "field-likely_duplicates" in page
        assert "Show them together" not in page


def test_a_page_shows_both_side_by_side_and_changes_nothing(admin_client, pair):
    before = stored()

    response = act(admin_client, "merge_contacts", *pair)

    rows = dict(response.context["compared"])
    assert list(response.context["rows"]) == sorted(pair, key=lambda contact: contact.pk)
    order = [pair.index(contact) for contact in response.context["rows"]]
    assert [rows["Name"][order.index(0)], rows["Name"][order.index(1)]] == ["Ada", "A. Lovelace"]
    assert [rows["Email"][order.index(0)], rows["Email"][order.index(1)]] == ["ada@example.com", "-"]
    assert rows["Blocked"] == ["No", "No"]
    assert "Account" not in rows
    assert stored() == before
    assert not LogEntry.objects.exists()


def test_a_block_of_the_winner_holds_and_one_of_the_other_ends_as_the_page_says(admin_client, pair):
    base, mergee = pair
    Contact.objects.filter(pk=mergee.pk).update(blocked=True)
    asked = act(admin_client, "merge_contacts", *pair)

    say_yes(admin_client, asked, *pair, base=base.pk)

    assert sorted(dict(asked.context["compared"])["Blocked"]) == ["No", "Yes"]
    assert "A block of the winner holds for all of these sessions" in asked.content.decode()
    assert not Contact.objects.get().blocked


def test_the_page_asks_which_one_wins_and_favours_neither(admin_client, pair):
    page = act(admin_client, "merge_contacts", *pair).content.decode()

    choices = re.findall(r'<input type="radio" name="base" value="(\d+)" required>', page)
    assert sorted(choices) == sorted(str(contact.pk) for contact in pair)


def test_each_can_be_told_from_the_other_whatever_it_is_called(admin_client, pair):
    contacts = sorted(pair, key=lambda contact: contact.pk)
    Contact.objects.update(name="\N{ZERO WIDTH SPACE}")

    page = act(admin_client, "merge_contacts", *pair).content.decode()

    columns = re.findall(r'<th scope="col"><a href="([^"]+)">([^<]+)</a></th>', page)
    assert columns == [(page_url(contact), f"#{contact.pk}") for contact in contacts]
    assert re.findall(r"required> ([^<]+)</label>", page) == [f"#{contact.pk} wins" for contact in contacts]


def test_the_page_stands_under_the_policy_and_shows_values_as_text(admin_client, pair):
    response = act(admin_client, "merge_contacts", *pair)

    assert response.headers["Content-Security-Policy"] == POLICY
    assert inline(response) == []
    assert "&lt;pro&gt;" in response.content.decode()


def test_a_long_value_can_be_broken_and_is_shown_in_full(admin_client, pair):
    address = "https://example.com/" + "a" * 2000
    Contact.objects.filter(pk=pair[1].pk).update(avatar_url=address, name="a" * 255)

    page = act(admin_client, "merge_contacts", *pair).content.decode()

    assert address in page.replace("<wbr>", "")
    assert re.findall(r"a{31}", page) == []


def test_the_page_shows_no_secret(admin_client, pair, customer, visitor):
    page = act(admin_client, "merge_contacts", *pair).content.decode()

    secrets = [customer.source_id, visitor.source_id, customer.pubsub_token, visitor.pubsub_token]
    assert not [secret for secret in secrets if secret in page]


@pytest.mark.parametrize("winner", [0, 1])
def test_the_one_that_staff_choose_wins(admin_client, pair, customer, visitor, winner):
    base, mergee = pair[winner], pair[1 - winner]

    response = confirm(admin_client, "merge_contacts", *pair, base=base.pk)

    contact = Contact.objects.get()
    assert (contact, contact.name, contact.email, contact.identifier) == (
        base,
        base.name,
        "ada@example.com",
        "user-7",
    )
    assert set(contact.contact_inboxes.all()) == {customer, visitor}
    record = ContactMerge.objects.get()
    assert (record.base_contact_id, record.mergee_contact_id) == (base.pk, mergee.pk)
    link = f'<a href="{page_url(base)}"><bdi>#{base.pk} {base.name}</bdi></a>'
    assert told(response) == [f"Contact #{mergee.pk} has been merged into {link}, which has its sessions now."]


def test_the_history_of_the_winner_names_the_other_by_its_number_only(admin_client, pair):
    base, mergee = pair

    confirm(admin_client, "merge_contacts", *pair, base=base.pk)

    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.object_repr, entry.change_message) == (
        str(base.pk),
        f"#{base.pk} Ada",
        f"Merged contact #{mergee.pk} into this one.",
    )
    assert entry.is_change()


@pytest.mark.parametrize("number", [1, 3])
def test_not_two_contacts_are_not_merged(admin_client, inbox, number):
    contacts = ContactFactory.create_batch(number, account=inbox.account)
    before = stored()

    response = act(admin_client, "merge_contacts", *contacts, base=contacts[0].pk)

    assert told(response) == [NOT_TWO]
    assert stored() == before


def test_contacts_of_two_accounts_are_not_merged(admin_client, customer):
    pair = customer.contact, ContactFactory()
    before = stored()

    responses = [
        act(admin_client, "merge_contacts", *pair),
        confirm(admin_client, "merge_contacts", *pair, base=pair[0].pk),
    ]

    assert [told(response) for response in responses] == [[TWO_ACCOUNTS], [TWO_ACCOUNTS]]
    assert stored() == before


def test_one_that_is_gone_by_the_time_of_the_answer_is_not_merged(admin_client, pair):
    base, mergee = pair
    asked = act(admin_client, "merge_contacts", *pair)
    Contact.objects.filter(pk=mergee.pk).delete()
    before = stored()

    response = say_yes(admin_client, asked, *pair, base=base.pk)

    assert told(response) == [GONE]
    assert stored() == before
    assert not ContactMerge.objects.exists()


@pytest.mark.parametrize("identifier", ["somebody else", "None"])
def test_a_yes_holds_for_the_contacts_as_they_were_shown(admin_client, pair, identifier):
    base, mergee = pair
    asked = act(admin_client, "merge_contacts", *pair)
    mergee.verify(identifier)
    mergee.save()
    before = stored()

    again = say_yes(admin_client, asked, *pair, base=base.pk)

    assert told(again) == [CHANGED]
    assert stored() == before
    assert identifier in again.content.decode()
    assert "has been merged" in told(say_yes(admin_client, again, *pair, base=base.pk))[0]


def test_a_visitor_who_calls_meanwhile_is_merged_all_the_same(admin_client, pair):
    asked = act(admin_client, "merge_contacts", *pair)
    pair[1].last_activity_at = timezone.now()
    pair[1].save()

    say_yes(admin_client, asked, *pair, base=pair[0].pk)

    assert Contact.objects.get() == pair[0]


def test_contacts_that_the_search_no_longer_finds_are_merged(admin_client, pair):
    base, mergee = pair
    data = {"action": "merge_contacts", "_selected_action": [one.pk for one in pair]}
    address = f"{list_url(Contact)}?q=%23{base.pk},a@example.com"
    Contact.objects.filter(pk=mergee.pk).update(email="a@example.com")
    asked = admin_client.post(address, data)
    yes = {"post": asked.context_data["answer"], "base": base.pk}
    Contact.objects.filter(pk=mergee.pk).update(email="b@example.com")

    changed = admin_client.post(address, {**data, **yes})
    admin_client.post(address, {**data, **yes, "post": changed.context_data["answer"]})

    assert Contact.objects.get() == base


@pytest.mark.parametrize("base", ["", "0", "x", "\N{SUPERSCRIPT TWO}", "9" * 30])
def test_an_answer_that_is_neither_of_them_is_asked_again(admin_client, pair, base):
    before = stored()

    response = confirm(admin_client, "merge_contacts", *pair, base=base)

    assert response.template_name == "admin/inquirly_contacts/contact/merge.html"
    assert stored() == before


@pytest.mark.parametrize("codename", ["change_contact", "delete_contact"])
def test_to_merge_takes_the_permission_to_change_and_to_delete(pair, codename):
    before = stored()

    confirm(staff("view_contact", codename), "merge_contacts", *pair, base=pair[0].pk)

    assert stored() == before


def test_who_may_change_and_delete_contacts_may_merge_them(pair):
    client = staff("view_contact", "change_contact", "delete_contact")

    confirm(client, "merge_contacts", *pair, base=pair[0].pk)

    assert Contact.objects.get() == pair[0]
