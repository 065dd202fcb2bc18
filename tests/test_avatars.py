"""Pictures of contacts: when one is due, who fetches it, and what becomes of row and file."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from contacts import avatar_picture, avatars, extras
from contacts.avatar_model import AvatarState
from contacts.avatar_reasons import REASONS
from contacts.avatars import LEASE, PAUSES, TRIES, Outcome, fetch
from contacts.merge import merge
from contacts.models import Contact

from .api import create_contact, signed, update_contact
from .concurrently import at_once
from .factories import ContactFactory, ContactInboxFactory
from .picture_server import answer, picture, redirect

FIELDS = ("avatar_state", "avatar_reason", "avatar_tries", "avatar_due_at", "avatar_next")
NOTHING = ("", "", 0, None, "")
FETCHED = ("fetched", "", 1, None, "")
BUSY = answer(status=503)

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(picture_server):
    picture_server.url("/ada.png", answer(picture()))
    return picture_server


@pytest.fixture
def ada(server):
    """A contact whose picture is due."""
    return ContactFactory(name="Ada", avatar_url=server.url("/ada.png"))


@pytest.fixture
def later(monkeypatch):
    """Let time go on by so much."""
    passed, real = [timedelta()], timezone.now

    def later(delta):
        passed[0] += delta

    monkeypatch.setattr(timezone, "now", lambda: real() + passed[0])
    return later


def state(contact):
    return Contact.objects.values_list(*FIELDS).get(pk=contact.pk)


def stored(settings):
    """Return the names of all files, as rows refer to them."""
    root = Path(settings.MEDIA_ROOT)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def avatar_of(contact):
    return Contact.objects.values_list("avatar", flat=True).get(pk=contact.pk)


def moments_ago(moment):
    return timezone.now() - timedelta(seconds=30) < moment <= timezone.now()


# When it is due.


def test_a_call_that_names_an_address_makes_the_picture_due_and_fetches_nothing(client, inbox, server):
    response = create_contact(client, inbox, avatar_url=server.url("/ada.png"))

    assert response.status_code == 200
    contact = Contact.objects.get()
    assert state(contact)[:3] == ("due", "", 0)
    assert moments_ago(contact.avatar_due_at)
    assert server.paths == []


def test_a_call_without_one_makes_nothing_due(client, inbox):
    create_contact(client, inbox, name="Ada")

    assert state(Contact.objects.get()) == NOTHING


@pytest.mark.parametrize("who", ["visitor", "customer"])
def test_an_update_makes_it_due_and_the_same_address_does_not(client, request, server, who, settings):
    session = request.getfixturevalue(who)
    fields = {"avatar_url": server.url("/ada.png")}
    for _twice in range(2):
        assert update_contact(client, session, **fields).status_code == 200
        assert state(session.contact)[:3] == ("due", "", 0)
    assert fetch() == Outcome(session.contact_id, AvatarState.FETCHED)

    assert update_contact(client, session, **fields, name="Somebody").status_code == 200

    assert state(session.contact) == FETCHED
    assert fetch() is None
    assert stored(settings) == {avatar_of(session.contact)}


def test_a_signed_create_of_a_known_contact_makes_it_due(client, inbox, customer, server):
    create_contact(client, inbox, **signed(inbox, "user-7", avatar_url=server.url("/ada.png")))

    assert state(customer.contact)[0] == "due"


def test_a_sign_in_that_fills_the_address_makes_it_due(client, inbox, customer, server):
    visitor = ContactInboxFactory(inbox=inbox, contact__avatar_url=server.url("/ada.png"))

    update_contact(client, visitor, **signed(inbox, "user-7"))

    assert state(customer.contact)[0] == "due"


def test_rows_that_are_made_in_bulk_are_due(inbox, server):
    Contact.objects.bulk_create([Contact(account=inbox.account, avatar_url=server.url("/ada.png"))])

    assert state(Contact.objects.get())[0] == "due"


def test_a_save_of_the_address_alone_makes_it_due(server):
    contact = ContactFactory()
    contact.avatar_url = server.url("/ada.png")
    contact.save(update_fields=["avatar_url"])

    assert state(contact)[0] == "due"


def test_a_save_of_something_else_does_not(server):
    contact = ContactFactory()
    contact.avatar_url, contact.name = server.url("/ada.png"), "Ada"
    contact.save(update_fields=["name"])

    assert state(contact) == NOTHING


def test_a_save_of_what_was_loaded_in_part_makes_it_due(server):
    contact = Contact.objects.only("avatar_url").get(pk=ContactFactory().pk)
    contact.avatar_url = server.url("/ada.png")
    contact.save()

    assert state(contact)[0] == "due"


# What becomes of it.


def test_a_picture_is_fetched_once_and_stored(ada, settings):
    before = Contact.objects.get(pk=ada.pk)

    assert fetch() == Outcome(ada.pk, AvatarState.FETCHED)
    assert fetch() is None

    after = Contact.objects.get(pk=ada.pk)
    assert state(ada) == FETCHED
    assert stored(settings) == {after.avatar.name}
    assert after.avatar.read()[8:12] == b"WEBP"
    after.avatar.close()
    assert (after.name, after.updated_at, after.last_activity_at) == ("Ada", before.updated_at, before.last_activity_at)


def test_names_of_files_tell_nothing_and_cannot_be_guessed(ada):
    fetch()

    directory, name = avatar_of(ada).split("/")
    assert directory == "avatars"
    assert len(name) == 32 + len(".webp")


def test_a_new_address_replaces_the_picture_once_there_is_another(
    ada, server, settings, django_capture_on_commit_callbacks
):
    fetch()
    old = avatar_of(ada)
    ada.refresh_from_db()
    ada.avatar_url = server.url("/new.png", answer(picture(color="red")))
    ada.save()
    assert avatar_of(ada) == old
    assert stored(settings) == {old}

    with django_capture_on_commit_callbacks() as committed:
        fetch()
        assert stored(settings) == {old, avatar_of(ada)}
    for callback in committed:
        callback()

    assert avatar_of(ada) != old
    assert stored(settings) == {avatar_of(ada)}


def test_without_an_address_there_is_no_picture(ada, settings, django_capture_on_commit_callbacks):
    fetch()
    ada.refresh_from_db()
    ada.avatar_url = ""

    with django_capture_on_commit_callbacks(execute=True):
        ada.save()

    assert (avatar_of(ada), state(ada)) == ("", NOTHING)
    assert stored(settings) == set()


def test_an_address_that_is_taken_away_before_it_was_fetched_is_not_fetched(ada, server):
    ada.avatar_url = ""
    ada.save()

    assert fetch() == Outcome(ada.pk, AvatarState.NONE)
    assert fetch() is None
    assert server.paths == []


def test_who_loaded_the_contact_before_its_picture_was_stored_does_not_undo_that(ada, settings):
    loaded = Contact.objects.get(pk=ada.pk)
    fetch()
    loaded.name = "Countess"
    loaded.save()

    assert Contact.objects.get().name == "Countess"
    assert state(ada) == FETCHED
    assert stored(settings) == {avatar_of(ada)}


def test_who_loaded_it_before_takes_the_picture_away_all_the_same(ada, settings, django_capture_on_commit_callbacks):
    loaded = Contact.objects.get(pk=ada.pk)
    fetch()
    loaded.avatar_url = ""
    with django_capture_on_commit_callbacks(execute=True):
        loaded.save()

    assert (avatar_of(ada), state(ada)) == ("", ("", "", 0, None, ""))
    assert stored(settings) == set()


def test_a_picture_that_could_not_be_taken_away_at_once_goes_with_the_next_worker(
    ada, settings, django_capture_on_commit_callbacks
):
    fetch()
    ada.refresh_from_db()
    ada.avatar_url = ""
    ada.save()  # and the process ends
    with django_capture_on_commit_callbacks(execute=True):
        assert fetch() == Outcome(ada.pk, AvatarState.NONE)

    assert avatar_of(ada) == ""
    assert stored(settings) == set()


def test_a_save_that_is_rolled_back_keeps_the_picture(ada, settings, django_capture_on_commit_callbacks):
    fetch()
    ada.refresh_from_db()
    ada.avatar_url = ""

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        ada.save()
        transaction.set_rollback(True)

    assert stored(settings) == {avatar_of(ada)}


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answer(status=404), "no_picture"),
        (answer(b"<svg/>"), "not_a_picture"),
        (answer(b"a" * 2_000_000), "too_large"),
        (redirect("http://10.0.0.1/"), "not_public"),
        (redirect("http://a:b@example.com/"), "address"),
        (redirect("/ada.jpg"), "redirects"),
    ],
)
def test_what_will_never_work_is_refused_and_says_why(server, behaviour, reason, settings):
    contact = ContactFactory(avatar_url=server.url("/ada.jpg", behaviour))

    assert fetch() == Outcome(contact.pk, AvatarState.REFUSED)

    assert state(contact) == ("refused", reason, 1, None, "")
    assert reason in REASONS
    assert stored(settings) == set()


def test_a_refusal_takes_the_old_picture_away(ada, server, settings, django_capture_on_commit_callbacks):
    fetch()
    ada.refresh_from_db()
    ada.avatar_url = server.url("/not-there")
    ada.save()

    with django_capture_on_commit_callbacks(execute=True):
        fetch()

    assert avatar_of(ada) == ""
    assert stored(settings) == set()


def test_what_may_work_later_is_tried_three_times_with_growing_pauses(ada, server, later):
    server.url("/ada.png", BUSY)
    for tries, pause in enumerate([*PAUSES, None], start=1):
        outcome = fetch()
        next_try = state(ada)[3]
        assert outcome == Outcome(ada.pk, AvatarState.FAILED, next_try)
        assert state(ada) == ("failed", "server_error", tries, next_try, "")
        if pause is None:
            assert next_try is None
        else:
            assert pause - timedelta(seconds=30) < next_try - timezone.now() <= pause
            assert fetch() is None
            later(pause)

    assert len(server.paths) == TRIES
    assert PAUSES[0] < PAUSES[1]
    later(timedelta(days=30))
    assert fetch() is None


def test_a_later_try_may_work(ada, server, later):
    server.url("/ada.png", BUSY)
    fetch()
    server.url("/ada.png", answer(picture()))
    later(PAUSES[0])

    assert fetch() == Outcome(ada.pk, AvatarState.FETCHED)
    assert state(ada) == ("fetched", "", 2, None, "")


def test_a_failure_keeps_the_old_picture(ada, server, settings):
    fetch()
    avatars.again(Contact.objects.all())
    server.url("/ada.png", BUSY)

    fetch()

    assert state(ada)[0] == "failed"
    assert stored(settings) == {avatar_of(ada)}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("of a cloud")])
def test_a_storage_that_fails_half_way_is_tried_again_and_keeps_no_half(ada, monkeypatch, settings, error, caplog):
    storage = default_storage._wrapped.__class__
    whole = storage._save

    def save(self, name, content):
        whole(self, name, content)
        raise error

    monkeypatch.setattr(storage, "_save", save)

    fetch()

    assert state(ada)[:3] == ("failed", "storage", 1)
    assert stored(settings) == set()
    assert [record.getMessage() for record in caplog.records] == [
        f"A picture could not be stored ({type(error).__name__})."
    ]


def test_a_file_that_cannot_be_deleted_fails_no_call_and_is_not_named(
    ada, monkeypatch, django_capture_on_commit_callbacks, caplog
):
    def delete(self, name):
        raise OSError(30, f"Read-only file system: {name}")

    fetch()
    monkeypatch.setattr(default_storage._wrapped.__class__, "delete", delete)
    after = []

    with django_capture_on_commit_callbacks(execute=True):
        ada.delete()
        transaction.on_commit(lambda: after.append("told"))

    assert after == ["told"]
    assert caplog.messages == ["A picture could not be deleted (OSError)."]


def test_an_address_taken_away_and_a_contact_erased_at_once_leave_no_file(
    ada, settings, django_capture_on_commit_callbacks
):
    fetch()
    ada.refresh_from_db()

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        ada.avatar_url = ""
        ada.save()
        ada.delete()

    assert stored(settings) == set()


def test_a_picture_that_comes_while_many_are_erased_is_erased_too(
    server, settings, monkeypatch, django_capture_on_commit_callbacks
):
    """Django deletes them as it has read them before."""
    first, last = ContactFactory.create_batch(2)

    def erase(contact_id):
        if contact_id == first.pk:
            Contact.objects.filter(pk=last.pk).update(avatar_url=server.url("/ada.png"), avatar_due_at=timezone.now())
            fetch(last.pk)
            assert len(stored(settings)) == 1
        really_erase(contact_id)

    really_erase = avatars.erase
    monkeypatch.setattr(avatars, "erase", erase)
    with django_capture_on_commit_callbacks(execute=True):
        Contact.objects.order_by("pk").delete()

    assert stored(settings) == set()


def test_a_new_address_gets_three_new_tries(ada, server, later):
    server.url("/ada.png", BUSY)
    fetch()
    ada.refresh_from_db()
    ada.avatar_url = server.url("/new.png")
    ada.save()

    assert state(ada)[:3] == ("due", "", 0)


# Who fetches it.


def test_the_longest_due_comes_first(server, later):
    urls = [server.url(f"/{number}", answer(picture())) for number in range(3)]
    contacts = [ContactFactory(avatar_url=url) for url in urls]

    assert [one.contact_id for one in avatars.fetch_due(limit=2)] == [one.pk for one in contacts[:2]]
    assert fetch(contacts[0].pk) is None
    assert fetch(contacts[2].pk) == Outcome(contacts[2].pk, AvatarState.FETCHED)
    assert list(avatars.fetch_due()) == []


def test_who_is_not_due_yet_is_left(ada):
    Contact.objects.update(avatar_due_at=timezone.now() + timedelta(minutes=1))

    assert fetch() is None
    assert fetch(ada.pk) is None


def test_a_row_that_is_taken_is_not_taken_again(ada, server):
    taken = avatars._take(None)

    assert fetch() is None
    assert fetch(ada.pk) is None
    assert server.paths == []
    assert (state(ada)[0], state(ada)[2], state(ada)[4]) == ("due", 1, taken.name)


def test_the_row_of_a_worker_that_died_comes_due_again_and_its_file_goes(
    ada, settings, later, django_capture_on_commit_callbacks
):
    dead = avatars._take(None)
    default_storage.save(dead.name, ContentFile(b"stored, and not yet committed"))
    later(LEASE)

    with django_capture_on_commit_callbacks(execute=True):
        assert fetch() == Outcome(ada.pk, AvatarState.FETCHED)

    assert stored(settings) == {avatar_of(ada)}
    assert avatar_of(ada) != dead.name


def test_a_picture_that_ends_its_workers_is_given_up(ada, server, later):
    for _try in range(TRIES):
        avatars._take(None)
        later(LEASE)

    assert fetch() == Outcome(ada.pk, AvatarState.FAILED)
    assert state(ada)[:2] == ("failed", "interrupted")
    assert fetch() is None
    assert server.paths == []


def test_a_worker_that_was_overtaken_changes_nothing(ada, settings, later):
    slow = avatars._take(None)
    later(LEASE)
    fetch()
    before = (avatar_of(ada), state(ada))

    assert avatars._store(slow, picture("WEBP")) == Outcome(ada.pk, AvatarState.DUE)
    assert avatars._settle(slow, AvatarState.REFUSED, reason="no_picture", avatar="").state == AvatarState.DUE

    assert (avatar_of(ada), state(ada)) == before
    assert stored(settings) == {avatar_of(ada)}


def while_fetching(monkeypatch, change):
    """Let ``change`` happen between the arrival of the picture and its storing."""
    real = avatar_picture.square

    def square(data):
        change()
        return real(data)

    monkeypatch.setattr(avatar_picture, "square", square)


def test_what_was_fetched_for_an_address_that_is_no_more_is_thrown_away(ada, server, settings, monkeypatch):
    def change():
        ada.avatar_url = server.url("/new.png", answer(status=404))
        ada.save()

    while_fetching(monkeypatch, change)

    assert fetch() == Outcome(ada.pk, AvatarState.DUE)
    assert (avatar_of(ada), state(ada)[0]) == ("", "due")
    assert stored(settings) == set()
    assert fetch().state == AvatarState.REFUSED


def test_what_was_fetched_for_somebody_who_was_erased_is_thrown_away(ada, server, settings, monkeypatch):
    while_fetching(monkeypatch, ada.delete)

    assert fetch().state == AvatarState.DUE
    assert stored(settings) == set()
    assert fetch() is None


def test_what_changes_meanwhile_stays_changed(ada, server, monkeypatch, client, inbox):
    def change():
        Contact.objects.filter(pk=ada.pk).update(name="Countess", blocked=True)

    while_fetching(monkeypatch, change)
    fetch()

    contact = Contact.objects.get()
    assert (contact.name, contact.blocked, contact.avatar_state) == ("Countess", True, "fetched")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite in memory has one connection, and nobody ends it")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erased", [True, False])
def test_a_worker_that_loses_the_database_leaves_no_picture_of_who_was_erased(server, settings, erased):
    contact = ContactFactory(avatar_url=server.url("/slow.png"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (worker,) = cursor.fetchone()

    def answer_late(handler):
        if erased:
            Contact.objects.get().delete()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [worker])
        connection.close()
        answer(picture())(handler)

    server.url("/slow.png", answer_late)

    with pytest.raises(DatabaseError):
        fetch(contact.pk)

    assert Contact.objects.exists() is not erased
    assert stored(settings) == (set() if erased else {Contact.objects.get().avatar_next})


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite in memory has one connection")
@pytest.mark.django_db(transaction=True)
def test_many_workers_fetch_each_picture_once(server):
    urls = [server.url(f"/{number}", answer(picture())) for number in range(12)]
    for url in urls:
        ContactFactory(avatar_url=url)

    outcomes = at_once([lambda: list(avatars.fetch_due())] * 6)

    assert sorted(server.paths) == sorted(server.behaviours.keys() - {"/ada.png"})
    assert sum(map(len, outcomes)) == 12
    assert not Contact.objects.exclude(avatar_state="fetched").exists()


# Where it ends.


def test_erasing_a_contact_deletes_the_file_once_that_is_committed(ada, settings, django_capture_on_commit_callbacks):
    fetch()

    with django_capture_on_commit_callbacks() as committed:
        ada.delete()
        assert len(stored(settings)) == 1
    for callback in committed:
        callback()

    assert stored(settings) == set()


def test_erasing_many_deletes_all_files_also_of_workers_that_died(
    ada, server, settings, django_capture_on_commit_callbacks
):
    fetch()
    ContactFactory(avatar_url=server.url("/ada.png"))
    default_storage.save(avatars._take(None).name, ContentFile(b"stored"))
    assert len(stored(settings)) == 2

    with django_capture_on_commit_callbacks(execute=True):
        Contact.objects.all().delete()

    assert stored(settings) == set()


def test_an_erasure_that_is_rolled_back_keeps_the_file(ada, settings, django_capture_on_commit_callbacks):
    fetch()

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        Contact.objects.all().delete()
        transaction.set_rollback(True)

    assert stored(settings) == {avatar_of(ada)}


def test_a_merge_deletes_the_file_of_who_disappears_and_fetches_for_who_stays(
    ada, server, settings, django_capture_on_commit_callbacks
):
    fetch()
    base = ContactFactory(account=ada.account)

    with django_capture_on_commit_callbacks(execute=True):
        merge(base, ada)

    assert stored(settings) == set()
    assert fetch() == Outcome(base.pk, AvatarState.FETCHED)
    assert stored(settings) == {avatar_of(base)}


def test_a_merge_keeps_the_picture_of_the_base(ada, server, settings, django_capture_on_commit_callbacks):
    other = ContactFactory(account=ada.account, avatar_url=server.url("/other.png", answer(picture())))
    list(avatars.fetch_due())

    with django_capture_on_commit_callbacks(execute=True):
        merge(ada, other)

    assert stored(settings) == {avatar_of(ada)}
    assert state(ada) == FETCHED


# Once more.


def test_staff_may_let_it_be_fetched_again(ada, server, settings, django_capture_on_commit_callbacks):
    fetch()
    first = avatar_of(ada)
    without = ContactFactory()

    assert avatars.again(Contact.objects.all()) == [ada.pk]

    assert state(ada)[:3] == ("due", "", 0)
    assert state(without) == NOTHING
    with django_capture_on_commit_callbacks(execute=True):
        assert fetch() == Outcome(ada.pk, AvatarState.FETCHED)
    assert stored(settings) == {avatar_of(ada)} != {first}


def test_what_is_being_fetched_is_not_begun_again(ada, later):
    avatars._take(None)
    assert avatars.again(Contact.objects.all()) == []

    later(LEASE)
    assert avatars.again(Contact.objects.all()) == [ada.pk]


def test_without_the_extra_the_address_is_kept_and_a_fetch_says_what_is_missing(ada, monkeypatch):
    monkeypatch.setattr(extras, "are_there", lambda packages: False)

    with pytest.raises(avatars.NotInstalled):
        fetch()
    assert state(ada)[0] == "due"
