"""What staff see of a picture, and the address under which the site gives it out to them."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import Storage, default_storage
from django.utils.html import escape
from django_tasks_db.models import DBTaskResult

from contacts import extras
from contacts.avatar_model import AvatarState
from contacts.avatar_reasons import REASONS
from contacts.avatars import TRIES, fetch
from contacts.models import Contact

from .admin import act, confirm, edit, list_url, page_url, staff, told
from .factories import ContactFactory
from .picture_server import answer, picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(picture_server):
    """A contact with a picture."""
    contact = ContactFactory(name="Ada", avatar_url=picture_server.url("/ada.png", answer(picture())))
    fetch()
    contact.refresh_from_db()
    return contact


def page(client, contact):
    response = client.get(page_url(contact))
    assert response.status_code == 200
    return response.content.decode()


def shown(client, contact):
    """Return the source of every picture of the page that is none of the admin's own icons."""
    return [source for source in re.findall(r'<img src="([^"]*)"', page(client, contact)) if "/admin/" not in source]


def test_staff_see_the_picture_from_our_own_storage(admin_client, ada):
    assert shown(admin_client, ada) == [f"/media/{ada.avatar.name}"]
    assert "Fetched, and stored here." in page(admin_client, ada)


def test_a_storage_that_tells_no_address_leaves_the_rest_of_the_page(admin_client, ada, monkeypatch):
    monkeypatch.setattr(default_storage, "url", Storage().url)  # raises NotImplementedError

    assert shown(admin_client, ada) == []
    assert "Fetched, and stored here." in page(admin_client, ada)


def test_the_address_is_a_text_and_never_a_link_or_picture(admin_client):
    url = "http://example.com/a.png?'&x"
    contact = ContactFactory()
    Contact.objects.filter(pk=contact.pk).update(avatar_url=url)

    html = page(admin_client, contact)

    assert shown(admin_client, contact) == []
    named = re.findall(r"<[^<>]*example\.com[^<>]*>", html)
    assert named
    assert [tag for tag in named if not tag.startswith("<input ") or escape(url) not in tag] == []


@pytest.mark.parametrize(
    ("state", "tries", "reason", "text"),
    [
        (AvatarState.DUE, 0, "", "Due: it is fetched as soon as a worker has time."),
        (
            AvatarState.REFUSED,
            1,
            "not_public",
            "Refused: it is not tried again until there is another address, or you ask for it.",
        ),
        (AvatarState.FAILED, 1, "timeout", "Failed: it is tried again later."),
        (
            AvatarState.FAILED,
            TRIES,
            "unreachable",
            "Failed three times: it is not tried again until there is another address, or you ask for it.",
        ),
    ],
)
def test_state_and_reason_are_told_in_words(admin_client, one_day, state, tries, reason, text):
    contact = ContactFactory()
    due_at = one_day if tries == 1 and state == AvatarState.FAILED else None
    Contact.objects.update(avatar_state=state, avatar_tries=tries, avatar_reason=reason, avatar_due_at=due_at)

    html = page(admin_client, contact)

    assert text in html
    assert escape(str(REASONS.get(reason, ""))) in html
    assert ("May 7, 2099" in html) == bool(due_at)


@pytest.fixture
def one_day():
    return datetime(2099, 5, 7, 12, tzinfo=UTC)


def test_a_contact_without_an_address_says_nothing_of_it(admin_client):
    html = page(admin_client, ContactFactory())

    assert shown(admin_client, ContactFactory()) == []
    assert not [text for text in ("Due:", "Fetched", "Refused", "Failed", ">None<") if text in html]


def test_without_the_extra_there_is_the_address_only(admin_client, ada, monkeypatch):
    monkeypatch.setattr(extras, "are_there", lambda packages: False)

    html = page(admin_client, ada)

    assert "ada.png" in html
    assert "stored here" not in html
    assert shown(admin_client, ada) == []
    assert "fetch_again" not in admin_client.get(list_url(Contact)).content.decode()


def test_a_new_address_written_by_staff_is_due(admin_client, ada, picture_server, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        edit(admin_client, ada, avatar_url=picture_server.url("/new.png", answer(picture())))

    assert DBTaskResult.objects.get().args_kwargs["args"] == [ada.pk]
    assert "Due:" in page(admin_client, ada)


def test_an_address_removed_by_staff_takes_the_picture_with_it(
    admin_client, ada, settings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        edit(admin_client, ada, avatar_url="")

    assert shown(admin_client, ada) == []
    assert not list(settings.MEDIA_ROOT.rglob("*.webp"))


# The action.


def test_staff_let_pictures_be_fetched_again(admin_client, ada):
    other = ContactFactory()

    response = act(admin_client, "fetch_again", ada, other)

    assert told(response) == [
        "1 picture is due. Contacts without an address, and those being fetched now, are left out."
    ]
    assert Contact.objects.get(pk=ada.pk).avatar_state == "due"
    assert DBTaskResult.objects.get().args_kwargs["args"] == [ada.pk]


def test_of_several_the_number_is_told(admin_client, ada):
    other = ContactFactory(avatar_url=ada.avatar_url)

    response = act(admin_client, "fetch_again", ada, other)

    assert told(response) == [
        "2 pictures are due. Contacts without an address, and those being fetched now, are left out."
    ]


def test_where_there_is_nothing_to_fetch_that_is_told(admin_client):
    response = act(admin_client, "fetch_again", ContactFactory())

    assert told(response) == ["No picture is due: these contacts have no address of one, or it is being fetched now."]


def test_who_may_only_look_cannot_let_anything_be_fetched(ada):
    client = staff("view_contact")

    act(client, "fetch_again", ada)

    assert shown(client, ada) == [f"/media/{ada.avatar.name}"]
    assert Contact.objects.get().avatar_state == "fetched"


# The address of the picture.


@pytest.mark.parametrize("permission", ["view_contact", "change_contact"])
def test_the_site_gives_the_picture_to_staff_as_what_it_is(ada, permission):
    response = staff(permission).get(ada.avatar.url)

    assert response.status_code == 200
    assert b"".join(response.streaming_content)[8:12] == b"WEBP"
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, max-age=86400, immutable"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("who", [lambda client: client, lambda client: staff(), lambda client: staff("view_inbox")])
def test_nobody_else_gets_it(client, ada, who):
    assert who(client).get(ada.avatar.url).status_code == 404


def test_who_may_see_contacts_but_is_not_staff_does_not_get_it_either(ada):
    client = staff("view_contact")
    User.objects.update(is_staff=False)

    assert client.get(ada.avatar.url).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "avatars/nothing.webp",
        "avatars/../db.webp",
        "avatars/%2e%2e%2fdb.webp",
        "avatars/a.png",
        "a.webp",
        "",
        pytest.param(f"avatars/{300 * 'a'}.webp", id="too-long"),
    ],
)
def test_nothing_else_is_given_out(admin_client, settings, tmp_path, path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (tmp_path / "media" / "avatars").mkdir(parents=True)
    for place in ("db.webp", "media/db.webp", "media/a.webp", "media/avatars/a.png"):
        (tmp_path / place).write_bytes(b"secret")

    assert admin_client.get(f"/media/{path}").status_code == 404


# Merging.


def test_the_page_that_compares_two_contacts_leaves_out_how_far_pictures_are(admin_client, ada):
    other = ContactFactory(account=ada.account)

    html = act(admin_client, "merge_contacts", ada, other).content.decode()

    assert "Avatar address" in html
    assert not [label for label in ("Avatar state", "Avatar tries", "Next avatar", ada.avatar.name) if label in html]


def test_the_record_of_a_merge_does_not_name_the_file(admin_client, ada):
    other = ContactFactory(account=ada.account)
    confirm(admin_client, "merge_contacts", ada, other, base=str(other.pk))

    record = ada.account.contact_merges.get()

    assert record.mergee_contact["avatar_url"] == ada.avatar_url
    assert not {*Contact.AVATAR_FILES, *Contact.AVATAR_STATE} & {*record.mergee_contact, *record.base_contact}
