"""Who is asked to fetch pictures: workers of Django Tasks, or the command for sites that have none."""

import io
import json
import logging
from datetime import timedelta
from importlib import import_module

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from contacts import avatar_queue, extras
from contacts.avatar_task import fetch_avatar
from contacts.avatars import PAUSES
from contacts.models import Contact
from inboxes.management.progress import Progress

from .api import create_contact, update_contact
from .factories import ContactFactory
from .picture_server import answer, picture

pytestmark = pytest.mark.django_db

IMMEDIATE = f"{extras.TASKS}.backends.immediate.ImmediateBackend"
DUMMY = f"{extras.TASKS}.backends.dummy.DummyBackend"
BUSY = answer(status=503)


@pytest.fixture
def server(picture_server):
    picture_server.url("/ada.png", answer(picture()))
    return picture_server


@pytest.fixture
def tasks_in(settings, monkeypatch):
    """Let tasks be kept in this backend."""
    backends = import_module(extras.TASKS).task_backends

    def forget():
        for attribute in ("settings", "_settings"):
            backends.__dict__.pop(attribute, None)
        backends._settings = None
        if hasattr(backends._connections, "default"):
            del backends._connections.default

    def tasks_in(backend):
        settings.TASKS = {"default": {"BACKEND": backend}} if backend else {}
        forget()

    yield tasks_in
    forget()


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def queued():
    return [(task.args_kwargs["args"][0], task.run_after) for task in DBTaskResult.objects.order_by("enqueued_at")]


def state(contact):
    contact.refresh_from_db()
    return contact.avatar_state


# Tasks.


def test_a_call_asks_a_worker_after_it_is_committed(client, inbox, server, committed):
    with committed():
        response = create_contact(client, inbox, avatar_url=server.url("/ada.png"))
        assert queued() == []

    assert response.status_code == 200
    contact = Contact.objects.get()
    assert [contact_id for contact_id, _after in queued()] == [contact.pk]
    assert server.paths == []


def test_an_update_asks_once_for_each_address(client, visitor, server, committed):
    for path in ("/ada.png", "/ada.png", "/other.png", "/other.png"):
        with committed():
            update_contact(client, visitor, avatar_url=server.url(path), name=path)

    assert [contact_id for contact_id, _after in queued()] == [visitor.contact_id] * 2


@pytest.mark.parametrize("fields", [{}, {"name": "Ada"}, {"avatar_url": ""}])
def test_a_call_without_an_address_asks_nobody(client, visitor, inbox, committed, fields):
    with committed():
        create_contact(client, inbox, **fields)
    with committed():
        update_contact(client, visitor, **fields)

    assert queued() == []


def test_an_address_that_is_taken_away_asks_nobody(committed):
    contact = ContactFactory(avatar_url="http://example.com/a.png")
    contact.avatar_url = ""
    with committed():
        contact.save()

    assert queued() == []
    assert state(contact) == ""


def test_what_is_queued_fetches_it(client, inbox, server, committed):
    with committed():
        create_contact(client, inbox, avatar_url=server.url("/ada.png"))

    queued = DBTaskResult.objects.get()
    queued.task.call(*queued.args_kwargs["args"])

    assert Contact.objects.get().avatar_state == "fetched"


def test_the_task_asks_for_the_next_try(server, committed):
    contact = ContactFactory(avatar_url=server.url("/ada.png", BUSY))

    fetch_avatar.call(contact.pk)

    ((contact_id, run_after),) = queued()
    assert contact_id == contact.pk
    assert PAUSES[0] - timedelta(seconds=30) < run_after - timezone.now() <= PAUSES[0]


def test_a_task_looks_after_what_others_have_left(server):
    left = ContactFactory(avatar_url=server.url("/left.png", answer(picture())))
    own = ContactFactory(avatar_url=server.url("/ada.png"))

    fetch_avatar.call(own.pk)

    assert (state(own), state(left)) == ("fetched", "fetched")
    assert server.paths == ["/ada.png", "/left.png"]


def test_a_task_for_somebody_who_was_erased_does_nothing(server):
    fetch_avatar.call(4711)

    assert server.paths == []


@pytest.mark.parametrize("backend", [IMMEDIATE, DUMMY])
def test_where_nobody_works_nothing_is_fetched_in_the_request(client, inbox, server, committed, tasks_in, backend):
    tasks_in(backend)
    with committed():
        response = create_contact(client, inbox, avatar_url=server.url("/ada.png"))

    assert response.status_code == 200
    assert server.paths == []
    assert Contact.objects.get().avatar_state == "due"
    assert not avatar_queue.has_worker()


@pytest.mark.parametrize("backend", ["nowhere.Backend", None])
def test_tasks_that_are_set_up_wrongly_hurt_no_call(client, inbox, server, committed, tasks_in, caplog, backend):
    tasks_in(backend or "")
    with committed(), caplog.at_level(logging.WARNING):
        response = create_contact(client, inbox, avatar_url=server.url("/ada.png"))

    assert response.status_code == 200
    assert Contact.objects.get().avatar_state == "due"
    (message,) = [one.getMessage() for one in caplog.records if one.name == "contacts.avatar_queue"]
    assert message.startswith(f"No worker could be asked for the picture of contact {Contact.objects.get().pk} (")
    assert "ada.png" not in caplog.text


def test_without_the_extra_nobody_is_asked(client, visitor, server, committed, monkeypatch):
    monkeypatch.setattr(extras, "are_there", lambda packages: False)
    with committed():
        assert update_contact(client, visitor, avatar_url=server.url("/ada.png")).status_code == 200

    assert queued() == []
    assert state(visitor.contact) == "due"


# The command.


def run(*arguments, stderr=None):
    stdout = io.StringIO()
    call_command("fetchavatars", *arguments, stdout=stdout, stderr=stderr or io.StringIO())
    return stdout.getvalue()


@pytest.fixture
def five(server):
    ContactFactory.create_batch(3, avatar_url=server.url("/ada.png"))
    ContactFactory(avatar_url=server.url("/not-there"))
    ContactFactory(avatar_url=server.url("/busy", BUSY))
    ContactFactory()


@pytest.mark.usefixtures("five")
def test_fetchavatars_fetches_what_is_due_and_counts():
    assert run() == "fetched: 3\nrefused: 1\nfailed: 1\n"
    assert run() == "fetched: 0\nrefused: 0\nfailed: 0\n"


@pytest.mark.usefixtures("five")
def test_fetchavatars_stops_at_the_limit_and_prints_json():
    assert json.loads(run("--limit", "2", "--format", "json")) == {"fetched": 2, "refused": 0, "failed": 0}
    assert Contact.objects.filter(avatar_state="due").count() == 3


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_fetchavatars_takes_no_limit_below_one(limit):
    with pytest.raises(CommandError, match="must be at least 1"):
        run("--limit", limit)


def test_fetchavatars_says_what_to_install(monkeypatch):
    monkeypatch.setattr(extras, "are_there", lambda packages: False)

    with pytest.raises(CommandError, match=r"pip install 'inquirly\[avatars\]'"):
        run()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.usefixtures("five")
def test_fetchavatars_shows_in_a_terminal_how_far_it_is():
    terminal = Terminal()

    run("--limit", "2", stderr=terminal)

    half = "#" * 20 + "." * 20
    assert terminal.getvalue() == f"\r[{'.' * 40}] 0/2\r[{half}] 1/2\r[{'#' * 40}] 2/2\n"


@pytest.mark.usefixtures("five")
def test_elsewhere_it_shows_nothing():
    elsewhere = io.StringIO()

    run(stderr=elsewhere)

    assert elsewhere.getvalue() == ""


def test_more_steps_than_were_counted_do_not_break_the_bar():
    terminal = Terminal()
    with Progress(OutputWrapper(terminal), total=0) as progress:
        progress.advance()

    assert terminal.getvalue() == f"\r[{'.' * 40}] 0/0\r[{'#' * 40}] 1/1\n"
