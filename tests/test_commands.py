"""The commands: what they print, what they store and what they refuse."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connection

from contacts import idempotency
from contacts.models import IdempotencyKey
from inboxes.identity import hmac_tokens, identifier_hash
from inboxes.models import Account, Inbox

from .api import create_contact
from .factories import AccountFactory, IdempotencyKeyFactory, InboxFactory

pytestmark = pytest.mark.django_db

UNKNOWN = (
    "No inbox has the identifier “nobody”. The admin lists all of them with their identifiers; "
    "createinbox makes a new one."
)


@pytest.fixture
def run(capsys):
    """Run a command as it is typed and return what it prints."""

    def run(*arguments):
        call_command(*arguments)
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


def test_createinbox_prints_identifier_and_token_and_nothing_else(run):
    printed = run("createinbox", "Website")

    inbox = Inbox.objects.get()
    assert printed == f"identifier: {inbox.identifier}\nhmac_token: {inbox.hmac_token}\n"
    assert (inbox.name, inbox.hmac_mandatory, inbox.allowed_origins) == ("Website", False, [])


def test_createinbox_prints_one_json_object_with_two_keys(run):
    printed = run("createinbox", "Website", "--format", "json")

    inbox = Inbox.objects.get()
    assert json.loads(printed) == {"identifier": inbox.identifier, "hmac_token": inbox.hmac_token}


def test_what_createinbox_prints_makes_a_right_hash(run, client):
    made = json.loads(run("createinbox", "Website", "--hmac-mandatory", "--format=json"))
    proof = identifier_hash(made["hmac_token"], "user-7")

    response = create_contact(client, Inbox.objects.get(), identifier="user-7", identifier_hash=proof)

    assert response.status_code == 200


def test_createinbox_takes_the_options_over(run):
    run(
        "createinbox",
        "Website",
        "--hmac-mandatory",
        "--allowed-origin",
        "https://a.example",
        "--allowed-origin=http://b",
    )

    inbox = Inbox.objects.get()
    assert (inbox.hmac_mandatory, inbox.allowed_origins) == (True, ["https://a.example", "http://b"])


def test_the_first_inbox_makes_an_account_called_default_and_the_second_uses_it(run):
    run("createinbox", "Website")
    run("createinbox", "App")

    assert Account.objects.get().name == "Default"
    assert Inbox.objects.count() == 2


def test_the_only_account_is_used_whatever_its_name(run):
    account = AccountFactory()

    run("createinbox", "Website")

    assert Inbox.objects.get().account == account


def test_an_account_that_is_named_is_used_or_made(run):
    accounts = AccountFactory.create_batch(2)

    run("createinbox", "Website", "--account", accounts[1].name)
    run("createinbox", "App", "--account", "Acme")

    assert list(Inbox.objects.order_by("pk").values_list("account__name", flat=True)) == [accounts[1].name, "Acme"]
    assert Account.objects.count() == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([""], "name: This field cannot be blank.", id="no-name"),
        pytest.param(
            ["a" * 256], "name: Ensure this value has at most 255 characters (it has 256).", id="name-too-long"
        ),
        pytest.param(["\udc80"], "An argument is not UTF-8, or holds a NUL character.", id="name-that-is-no-utf-8"),
        pytest.param(["A", "--account", ""], "name: This field cannot be blank.", id="account-without-a-name"),
        pytest.param(
            ["A", "--account", "\udc80"],
            "An argument is not UTF-8, or holds a NUL character.",
            id="account-that-is-no-utf-8",
        ),
        pytest.param(
            ["A", "--allowed-origin", "https://a.example/"],
            "allowed_origins: https://a.example/ is not an origin: leave out “/” at its end.",
            id="origin-with-a-slash",
        ),
        pytest.param(
            ["A", "--allowed-origin", "https://a.example/shop/"],
            "allowed_origins: https://a.example/shop/ is not an origin: write scheme and host in lower case, "
            "like https://www.example.com.",
            id="origin-with-a-path",
        ),
        pytest.param(
            ["A", "--allowed-origin", "\udc80"],
            "An argument is not UTF-8, or holds a NUL character.",
            id="origin-that-is-no-utf-8",
        ),
        pytest.param(["A", "--format", "xml"], "Error: argument --format: invalid choice: 'xml'", id="format"),
    ],
)
def test_createinbox_refuses_and_stores_nothing(arguments, message):
    with pytest.raises(CommandError) as refused:
        call_command("createinbox", *arguments)

    assert str(refused.value).startswith(message)
    assert not Inbox.objects.exists()
    assert not Account.objects.exists()


def test_createinbox_asks_which_of_several_accounts(run):
    AccountFactory.create_batch(2)

    with pytest.raises(CommandError) as refused:
        run("createinbox", "Website")

    assert str(refused.value) == ("There are several accounts. Name the one that the inbox belongs to with --account.")


def test_createinbox_does_not_guess_between_accounts_of_one_name(run):
    AccountFactory.create_batch(2, name="Acme")

    with pytest.raises(CommandError) as refused:
        run("createinbox", "Website", "--account", "Acme")

    assert str(refused.value) == "Several accounts are called “Acme”. Rename all but one of them in the admin."


def test_identifierhash_prints_the_hash_and_nothing_else(run):
    inbox = InboxFactory(hmac_token="tok")

    printed = run("identifierhash", inbox.identifier, "user-42")

    assert printed == "7385c41a8c92307f1f87687604f9fbdba592e3762e9c689972bf75150abd798a\n"


def test_identifierhash_prints_json_where_asked(run):
    inbox = InboxFactory(hmac_token="tok")

    printed = json.loads(run("identifierhash", inbox.identifier, "user-42", "--format", "json"))

    assert printed == {"identifier_hash": "7385c41a8c92307f1f87687604f9fbdba592e3762e9c689972bf75150abd798a"}


@pytest.mark.parametrize("identifier", ["42", "-5", "caf\u00e9", "cafe\u0301", "a b", "a" * 255])
def test_what_identifierhash_prints_signs_a_call(run, client, inbox, identifier):
    proof = run("identifierhash", inbox.identifier, "--", identifier).strip()

    response = create_contact(client, inbox, identifier=identifier, identifier_hash=proof)

    assert response.status_code == 200


INVALID = "An identifier has no control characters and no white space at either end."


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        pytest.param("", "The identifier is empty.", id="empty"),
        pytest.param(" ", INVALID, id="white-space"),
        pytest.param("user-7\n", INVALID, id="line-feed-at-the-end"),
        pytest.param("a\x07b", INVALID, id="bell"),
        pytest.param("a" * 256, "Ensure this value has at most 255 characters (it has 256).", id="too-long"),
        pytest.param("\udc80", "An argument is not UTF-8, or holds a NUL character.", id="no-utf-8"),
    ],
)
def test_identifierhash_refuses_what_calls_refuse(inbox, identifier, message):
    with pytest.raises(CommandError) as refused:
        call_command("identifierhash", inbox.identifier, identifier)

    assert str(refused.value) == message


@pytest.mark.parametrize("arguments", [["identifierhash", "nobody", "user-7"], ["rotatehmac", "nobody"]])
def test_an_unknown_inbox_is_an_error_that_says_what_to_do(inbox, arguments):
    with pytest.raises(CommandError) as refused:
        call_command(*arguments)

    assert str(refused.value) == UNKNOWN


def test_rotatehmac_prints_the_new_token_and_until_when_the_old_one_is_valid(run, inbox):
    old = inbox.hmac_token

    printed = run("rotatehmac", inbox.identifier)

    inbox.refresh_from_db()
    until = inbox.previous_hmac_token_valid_until
    assert printed == (
        f"identifier: {inbox.identifier}\nhmac_token: {inbox.hmac_token}\n"
        f"previous_hmac_token_valid_until: {until.isoformat(timespec='seconds')}\n"
    )
    assert hmac_tokens(inbox) == [inbox.hmac_token, old]
    assert timedelta(days=6, hours=23) < until - datetime.now(UTC) <= timedelta(days=7)


@pytest.mark.parametrize("days", [1, 365])
def test_the_overlap_lasts_as_many_days_as_asked(run, inbox, days):
    printed = json.loads(run("rotatehmac", inbox.identifier, "--overlap", str(days), "--format", "json"))

    inbox.refresh_from_db()
    left = datetime.fromisoformat(printed["previous_hmac_token_valid_until"]) - datetime.now(UTC)
    assert timedelta(days=days, minutes=-1) < left <= timedelta(days=days)
    assert list(printed) == ["identifier", "hmac_token", "previous_hmac_token_valid_until"]


@pytest.mark.parametrize("option", [["--revoke-now"], ["--overlap", "0"]])
def test_the_old_token_ends_at_once(run, inbox, option):
    old = inbox.hmac_token

    printed = json.loads(run("rotatehmac", inbox.identifier, *option, "--format", "json"))

    inbox.refresh_from_db()
    assert printed == {
        "identifier": inbox.identifier,
        "hmac_token": inbox.hmac_token,
        "previous_hmac_token_valid_until": None,
    }
    assert hmac_tokens(inbox) == [inbox.hmac_token] != [old]


@pytest.mark.parametrize("option", ["--overlap=7", "--revoke-now"])
def test_to_rotate_during_an_overlap_says_apart_from_the_json_that_a_token_ended(capsys, inbox, option):
    call_command("rotatehmac", inbox.identifier)
    between = capsys.readouterr()
    call_command("rotatehmac", inbox.identifier, option, "--format", "json")
    printed = capsys.readouterr()

    assert between.err == ""
    assert printed.err == "An overlap was running: the token before the last has ended now.\n"
    assert list(json.loads(printed.out)) == ["identifier", "hmac_token", "previous_hmac_token_valid_until"]


def test_an_overlap_that_is_over_is_not_mentioned(run, inbox):
    run("rotatehmac", inbox.identifier)
    Inbox.objects.update(previous_hmac_token_valid_until=datetime.now(UTC) - timedelta(seconds=1))

    assert run("rotatehmac", inbox.identifier)  # which prints nothing else


def test_the_help_of_rotatehmac_says_how_many_tokens_are_kept(capsys):
    with pytest.raises(SystemExit):
        call_command("rotatehmac", "--help")

    assert "Only one earlier token is kept" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_as_text_no_overlap_is_a_word(run, inbox):
    assert run("rotatehmac", inbox.identifier, "--revoke-now").endswith("previous_hmac_token_valid_until: none\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--overlap", "366"], "The overlap has to be 0 to 365 days.", id="more-than-a-year"),
        pytest.param(["--overlap=-1"], "The overlap has to be 0 to 365 days.", id="less-than-nothing"),
        pytest.param(["--overlap", "soon"], "Error: argument --overlap: invalid int value: 'soon'", id="no-number"),
        pytest.param(
            ["--overlap", "7", "--revoke-now"],
            "Error: argument --revoke-now: not allowed with argument --overlap",
            id="both",
        ),
    ],
)
def test_rotatehmac_refuses_and_changes_nothing(inbox, options, message):
    with pytest.raises(CommandError) as refused:
        call_command("rotatehmac", inbox.identifier, *options)

    assert str(refused.value) == message
    assert hmac_tokens(Inbox.objects.get()) == [inbox.hmac_token]


@pytest.fixture
def expired(visitor):
    """Two keys that are no longer kept, and one that is."""
    created_at = datetime.now(UTC) - timedelta(hours=24)
    kept = IdempotencyKeyFactory(contact_inbox=visitor)
    return [*IdempotencyKeyFactory.create_batch(2, contact_inbox=visitor, created_at=created_at), kept]


def test_pruneidempotencykeys_prints_how_many_it_deleted(run, expired):
    printed = run("pruneidempotencykeys"), run("pruneidempotencykeys", "--format", "json")

    assert printed == ("deleted: 2\n", '{"deleted": 0}\n')
    assert IdempotencyKey.objects.get() == expired[-1]


def test_pruneidempotencykeys_tells_how_far_it_is_apart_from_the_json(capsys, expired):
    like_the_first = {"contact_inbox": expired[0].contact_inbox, "created_at": expired[0].created_at}
    IdempotencyKey.objects.bulk_create(IdempotencyKeyFactory.build_batch(idempotency.BATCH, **like_the_first))

    call_command("pruneidempotencykeys", "--format", "json")
    printed = capsys.readouterr()

    assert (printed.err, printed.out) == ("5000 deleted so far.\n", '{"deleted": 5002}\n')
    assert IdempotencyKey.objects.get() == expired[-1]


@pytest.mark.parametrize("command", ["createinbox", "identifierhash", "rotatehmac", "pruneidempotencykeys"])
def test_each_command_says_what_it_is_for(capsys, command):
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")

    assert ended.value.code == 0
    words = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert {
        "createinbox": "Make an inbox and print its identifier, which is public, and its hmac_token, which is secret.",
        "identifierhash": "Print the identifier_hash of an identifier: the proof that your server sends along with it.",
        "rotatehmac": "Give an inbox a new HMAC token and print it.",
        "pruneidempotencykeys": "Delete the idempotency keys of more than 24 hours ago with the answers kept for them",
    }[command] in words


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command",
    [
        ("createinbox", "Shop"),
        ("identifierhash", "a", "b"),
        ("rotatehmac", "a"),
        ("pruneidempotencykeys",),
        ("fetchavatars",),
    ],
)
@pytest.mark.parametrize("error", [ProgrammingError, OperationalError])
def test_without_tables_a_command_says_what_to_do(command, error):
    def missing(*args):
        raise error("no such table: inquirly_inboxes_inbox\nLINE 1: SELECT")

    with connection.execute_wrapper(missing), pytest.raises(CommandError) as refused:
        call_command(*command)

    assert str(refused.value).splitlines() == [
        "no such table: inquirly_inboxes_inbox",
        "If tables of ours are missing, python manage.py migrate makes them.",
    ]
