"""Staff change the keys of inboxes: asked first where a key would end at once, and told where the new one is."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry

from inboxes.admin import InboxAdmin
from inboxes.identity import hmac_tokens, rotate_hmac_token
from inboxes.models import Inbox

from .admin import act, confirm, list_url, page_url, say_yes, staff, told
from .factories import InboxFactory
from .test_site_pages import POLICY, inline

pytestmark = pytest.mark.django_db

ACTIONS = ["rotate", "rotate_now", "end_overlap"]
CHANGED = "This has changed since you were asked. Nothing has been done now: look again."
NONE_LEFT = "Nothing has changed: none of these inboxes is left, or none has an overlap."


def link(inbox):
    return f'<a href="{page_url(inbox)}"><bdi>{inbox.name}</bdi></a>'


@pytest.fixture
def overlapping(inbox):
    """An inbox that still takes the hashes of an earlier key."""
    rotate_hmac_token(inbox)
    return inbox


def test_the_old_key_stays_valid_for_seven_days(admin_client, inbox):
    old = inbox.hmac_token

    response = act(admin_client, "rotate", inbox)

    inbox.refresh_from_db()
    assert told(response) == [f"1 inbox has a new HMAC token. The old one is valid for seven days. Open: {link(inbox)}"]
    assert hmac_tokens(inbox) == [inbox.hmac_token, old]
    assert inbox.hmac_token != old
    left = inbox.previous_hmac_token_valid_until - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_the_old_key_ends_at_once(admin_client):
    inboxes = InboxFactory.create_batch(2)
    old = {inbox.hmac_token for inbox in inboxes}

    response = confirm(admin_client, "rotate_now", *inboxes)

    assert told(response) == [
        f"2 inboxes have a new HMAC token. The old ones have ended. Open: {link(inboxes[0])}, {link(inboxes[1])}"
    ]
    for inbox in inboxes:
        inbox.refresh_from_db()
        assert hmac_tokens(inbox) == [inbox.hmac_token]
        assert inbox.hmac_token not in old


def test_the_overlap_ends_at_once(admin_client, overlapping):
    kept = overlapping.hmac_token

    response = confirm(admin_client, "end_overlap", overlapping)

    overlapping.refresh_from_db()
    assert told(response) == [f"1 inbox now takes its current HMAC token only. Open: {link(overlapping)}"]
    assert hmac_tokens(overlapping) == [kept]
    assert (overlapping.previous_hmac_token, overlapping.previous_hmac_token_valid_until) == ("", None)


@pytest.mark.parametrize("action", ACTIONS)
def test_where_a_key_would_end_a_page_asks_first_and_changes_nothing(admin_client, overlapping, action):
    keys = hmac_tokens(overlapping)

    response = act(admin_client, action, overlapping)

    page = response.content.decode()
    assert (response.status_code, response.template_name) == (200, "admin/inquirly_inboxes/confirm_action.html")
    assert f"<li>{link(overlapping)}</li>" in page
    assert f'<input type="hidden" name="action" value="{action}">' in page
    assert not [key for key in keys if key in page]
    overlapping.refresh_from_db()
    assert hmac_tokens(overlapping) == keys
    assert not LogEntry.objects.exists()


def test_the_page_that_asks_stands_under_the_policy_and_knows_the_way_back(admin_client, inbox):
    data = {"action": "rotate_now", "_selected_action": [inbox.pk]}

    response = admin_client.post(f"{list_url(Inbox)}?q={inbox.name[:3]}&p=1", data)

    assert response.headers["Content-Security-Policy"] == POLICY
    assert inline(response) == []
    assert f'<a role="button" href="{list_url(Inbox)}?q={inbox.name[:3]}&amp;p=1"' in response.content.decode()


def test_a_page_names_every_inbox_that_was_chosen_and_no_other(admin_client):
    inboxes = InboxFactory.create_batch(3)

    page = act(admin_client, "rotate_now", *inboxes[:2]).content.decode()

    assert [inbox.name in page for inbox in inboxes] == [True, True, False]
    chosen = re.findall(r'name="_selected_action" value="(\d+)"', page)
    assert sorted(chosen) == sorted(str(inbox.pk) for inbox in inboxes[:2])


def test_to_rotate_during_an_overlap_warns_whose_earlier_key_ends(admin_client, overlapping):
    other = InboxFactory()

    page = act(admin_client, "rotate", overlapping, other).content.decode()

    assert f"An overlap is still running for: {overlapping.name}. Only one earlier token is kept" in page


def test_confirmed_a_rotation_during_an_overlap_keeps_the_last_key_only(admin_client, overlapping):
    last = overlapping.hmac_token

    confirm(admin_client, "rotate", overlapping)

    overlapping.refresh_from_db()
    assert hmac_tokens(overlapping) == [overlapping.hmac_token, last]


@pytest.mark.parametrize("action", ["rotate", "rotate_now"])
def test_a_yes_that_is_said_twice_ends_no_key_that_nobody_was_warned_of(admin_client, overlapping, action):
    asked = act(admin_client, action, overlapping)
    say_yes(admin_client, asked, overlapping)
    overlapping.refresh_from_db()
    keys = hmac_tokens(overlapping)

    again = say_yes(admin_client, asked, overlapping)

    assert again.template_name == "admin/inquirly_inboxes/confirm_action.html"
    assert told(again)[-1] == CHANGED
    overlapping.refresh_from_db()
    assert hmac_tokens(overlapping) == keys

    say_yes(admin_client, again, overlapping)

    overlapping.refresh_from_db()
    assert overlapping.hmac_token not in keys


def test_a_yes_to_the_end_of_one_overlap_does_not_end_the_next(admin_client, overlapping):
    asked = act(admin_client, "end_overlap", overlapping)
    rotate_hmac_token(overlapping)

    say_yes(admin_client, asked, overlapping)

    overlapping.refresh_from_db()
    assert len(hmac_tokens(overlapping)) == 2


def test_the_action_that_is_asked_about_is_the_one_that_was_chosen_above_or_below(admin_client, inbox, monkeypatch):
    monkeypatch.setattr(InboxAdmin, "actions_on_bottom", True)
    above = {"action": ["rotate_now", ""], "index": "0", "_selected_action": [inbox.pk]}

    asked = admin_client.post(list_url(Inbox), above)

    assert (asked.status_code, asked.context["action"]) == (200, "rotate_now")


@pytest.mark.parametrize("action", ACTIONS)
def test_of_an_inbox_that_is_gone_by_then_it_is_told(admin_client, overlapping, action):
    asked = act(admin_client, action, overlapping)
    Inbox.objects.all().delete()

    assert told(say_yes(admin_client, asked, overlapping)) == [NONE_LEFT]
    assert not LogEntry.objects.exists()


def test_where_no_overlap_is_none_is_ended(admin_client, overlapping):
    other = InboxFactory()

    response = confirm(admin_client, "end_overlap", overlapping, other)

    assert told(response) == [f"1 inbox now takes its current HMAC token only. Open: {link(overlapping)}"]
    assert told(confirm(admin_client, "end_overlap", other)) == [NONE_LEFT]
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(overlapping.pk)]


def test_an_overlap_that_is_over_needs_no_warning(admin_client, overlapping):
    Inbox.objects.update(previous_hmac_token_valid_until=datetime.now(UTC) - timedelta(seconds=1))

    response = act(admin_client, "rotate", overlapping)

    assert told(response) == [
        f"1 inbox has a new HMAC token. The old one is valid for seven days. Open: {link(overlapping)}"
    ]


def test_names_are_text_on_the_page_and_in_the_message(admin_client):
    inbox = InboxFactory(name="<b>Shop</b> {0} %s")

    asked = act(admin_client, "rotate_now", inbox).content.decode()
    done = confirm(admin_client, "rotate_now", inbox).content.decode()

    for page in (asked, done):
        assert "&lt;b&gt;Shop&lt;/b&gt; {0} %s" in page
        assert "<b>Shop" not in page


def test_the_list_says_until_when_the_old_key_is_valid(admin_client, inbox):
    act(admin_client, "rotate", inbox)
    inbox.refresh_from_db()

    page = admin_client.get(list_url(Inbox)).content.decode()

    shown = re.search(r'<td class="field-previous_hmac_token_valid_until[^"]*">([^<]+)</td>', page)[1]
    assert str(inbox.previous_hmac_token_valid_until.year) in shown


def test_the_history_tells_of_a_new_key_but_not_the_key(admin_client, inbox):
    old = inbox.hmac_token
    for action in ("rotate", "end_overlap", "rotate_now"):
        confirm(admin_client, action, inbox)

    inbox.refresh_from_db()
    entries = list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))
    assert entries == [
        (inbox.name, "New HMAC token, the old one for seven days."),
        (inbox.name, "Previous HMAC token ended."),
        (inbox.name, "New HMAC token, the old one ended."),
    ]
    page = admin_client.get(page_url(inbox, "history")).content.decode()
    assert "Previous HMAC token ended." in page
    assert old not in page
    assert inbox.hmac_token not in page


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_not_change_an_inbox_cannot_change_its_key(overlapping, action):
    before = hmac_tokens(overlapping)

    confirm(staff("view_inbox"), action, overlapping)

    overlapping.refresh_from_db()
    assert hmac_tokens(overlapping) == before


def test_who_may_change_an_inbox_may_change_its_key(inbox):
    response = confirm(staff("view_inbox", "change_inbox"), "rotate_now", inbox)

    assert told(response) == [f"1 inbox has a new HMAC token. The old one has ended. Open: {link(inbox)}"]
