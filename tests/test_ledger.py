"""The ledger of the faults: what may be stored, and that everything else is found."""

import sqlite3
from contextlib import closing

import pytest
from django.db import connection

from bench.faults.client import Answer
from bench.faults.invariants import INVARIANTS, broken
from bench.faults.ledger import Ledger, Session
from bench.faults.stored import compare, counted
from contacts.models import Contact, ContactInbox, ContactMerge

from .api import create_contact, signed, update_contact
from .factories import ContactFactory, ContactInboxFactory
from .test_server import database_url

CONTACT, SESSION = "inquirly_contacts_contact", "inquirly_contacts_contactinbox"
LOST, UNAVAILABLE, REFUSED = None, Answer(503, {}, {}), Answer(422, {}, {})


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def send(client, inbox, ledger):
    """Send a write for ``identifier``, note ``answer`` or else the true one, and return the session."""

    def send(identifier="user-7", session=None, **noted):
        write = ledger.begin(identifier)
        fields = signed(inbox, identifier, **write.values)
        if session is None:
            response = create_contact(client, inbox, **fields)
        else:
            response = update_contact(client, ContactInbox.objects.get(source_id=session.source_id), **fields)
        answer = Answer(response.status_code, response.json(), {})
        return ledger.end(write, noted.get("answer", answer))

    return send


@pytest.fixture
def stored(db, tmp_path):
    """Copy the rows to a database where no constraint stands; change them there, and return its URL."""
    path = tmp_path / "stored.sqlite3"

    def copy(change=""):
        with closing(sqlite3.connect(path)) as target:
            for model in (Contact, ContactInbox, ContactMerge):
                columns = [field.attname for field in model._meta.concrete_fields]
                rows = [tuple(map(plain, row)) for row in model.objects.values_list(*columns)]
                target.execute(f"CREATE TABLE {model._meta.db_table} ({', '.join(columns)})")
                marks = ", ".join("?" * len(columns))
                target.executemany(f"INSERT INTO {model._meta.db_table} VALUES ({marks})", rows)
            target.executescript(change)
        return f"sqlite:///{path}"

    return copy


def plain(value):
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def faults(ledger, url):
    """Return how much of what was acknowledged is amiss, by fault; what is not is left out."""
    return {bar.name: bar.figure for bar in compare(ledger, url) if not bar.met}


def test_what_was_acknowledged_and_is_there_is_in_order(send, ledger, stored):
    session = send()
    send(session=session)
    send("user-8")

    assert faults(ledger, stored()) == {}
    assert (ledger.acknowledged, len(ledger.sessions)) == (3, 2)


def test_a_ledger_in_which_nothing_was_acknowledged_shows_nothing(ledger, stored):
    assert faults(ledger, stored()) == {"acknowledged": 0}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(f"DELETE FROM {CONTACT}; DELETE FROM {SESSION}", {"missing": 2}, id="all-of-it-gone"),
        pytest.param(f"DELETE FROM {CONTACT}", {"missing": 2, "half-written": 1}, id="contact-gone"),
        pytest.param(f"DELETE FROM {SESSION}", {"missing": 1, "half-written": 1}, id="session-gone"),
        pytest.param(f"UPDATE {SESSION} SET source_id = 'other'", {"missing": 1}, id="other-source-id"),
        pytest.param(
            f"UPDATE {CONTACT} SET id = -1; UPDATE {SESSION} SET contact_id = -1", {"missing": 1}, id="other-id"
        ),
        pytest.param(f"UPDATE {CONTACT} SET identifier = 'x'", {"missing": 2}, id="other-identifier"),
        pytest.param(f"UPDATE {CONTACT} SET identifier = NULL", {"missing": 2, "half-written": 1}, id="not-verified"),
        pytest.param(f"UPDATE {SESSION} SET hmac_verified = 0", {"half-written": 1}, id="session-not-verified"),
        pytest.param(f"UPDATE {CONTACT} SET name = ''", {"wrong": 1}, id="value-gone"),
        pytest.param(f"UPDATE {CONTACT} SET email = 'email-1@example.com'", {"wrong": 1}, id="value-of-another-write"),
    ],
)
def test_what_is_amiss_is_found(send, ledger, stored, change, found):
    send()

    assert faults(ledger, stored(change)) == found


def test_a_write_that_a_later_one_was_to_replace_is_wrong(send, ledger, stored):
    session = send()
    first = Contact.objects.get()
    send(session=session)

    change = f"UPDATE {CONTACT} SET name = '{first.name}', email = '{first.email}'"
    assert faults(ledger, stored(change)) == {"wrong": 1}


def test_a_mixture_of_two_writes_is_wrong_though_both_may_be_stored(send, ledger, stored):
    session = send()
    first = Contact.objects.get()
    send(session=session, answer=LOST)

    assert faults(ledger, stored(f"UPDATE {CONTACT} SET name = '{first.name}'")) == {"wrong": 1}


@pytest.mark.parametrize("answer", [LOST, UNAVAILABLE], ids=["lost", "unavailable"])
@pytest.mark.parametrize("carried_out", [True, False])
def test_a_write_without_an_answer_may_have_been_carried_out_or_not(send, ledger, stored, answer, carried_out):
    session = send()
    first = Contact.objects.get()
    send(session=session, answer=answer)
    send("user-8", answer=answer)
    undone = f"""
        UPDATE {CONTACT} SET name = '{first.name}', email = '{first.email}';
        DELETE FROM {CONTACT} WHERE id <> {first.pk};
        DELETE FROM {SESSION} WHERE contact_id <> {first.pk}"""

    assert faults(ledger, stored("" if carried_out else undone)) == {}


def test_a_write_that_was_refused_must_not_be_stored(send, ledger, stored):
    session = send()
    send(session=session, answer=REFUSED)

    assert faults(ledger, stored()) == {"wrong": 1}


def test_of_writes_under_way_at_once_either_may_be_the_last(ledger):
    one, other = ledger.begin("user-7"), ledger.begin("user-7")
    for write in (other, one):
        ledger.end(write, Answer(200, {"id": 1, "source_id": "a"}, {}))

    assert ledger.writes["user-7"] == [one, other]


def test_a_contact_that_was_there_from_the_first_is_expected_too(ledger, stored, inbox):
    contact = ContactFactory(account=inbox.account, identifier="user-7")
    source_id = ContactInboxFactory(inbox=inbox, contact=contact, hmac_verified=True).source_id
    ledger.found(Session(contact.pk, source_id, "user-7"))
    as_made = f"UPDATE {CONTACT} SET name = 'Name {contact.pk}', email = 'email-{contact.pk}@example.com'"

    assert faults(ledger, stored(as_made)) == {"acknowledged": 0}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the other tests compare with SQLite")
@pytest.mark.parametrize("amiss", [False, True])
def test_the_ledger_is_compared_with_postgresql_too(send, ledger, amiss):
    session = send()
    send(session=session)
    if amiss:
        ContactInbox.objects.all().delete()
        Contact.objects.update(name="")
    connection.close()  # the site has to have left

    assert faults(ledger, database_url()) == ({"missing": 1, "half-written": 1, "wrong": 1} if amiss else {})
    assert counted(database_url()) == {"contacts": 0, "sessions": -1 if amiss else 0}


DOUBLED = f"""
    CREATE TEMPORARY TABLE contact AS SELECT * FROM {CONTACT};
    CREATE TEMPORARY TABLE session AS SELECT * FROM {SESSION};
    UPDATE contact SET id = -1;
    UPDATE session SET id = -1, contact_id = -1, source_id = 'other';
    INSERT INTO {CONTACT} SELECT * FROM contact;
    INSERT INTO {SESSION} SELECT * FROM session;"""
SHARED = f"UPDATE {CONTACT} SET identifier = NULL, name = '', claimed_identifier = 'user-7', claim_shared = 1;"
SHARED += f"UPDATE {SESSION} SET hmac_verified = 0;"
BREACHES = {
    "identifiers of two contacts": DOUBLED,
    "claims shared by two contacts": SHARED + DOUBLED,
    "verified contacts found by a claim": f"UPDATE {CONTACT} SET claimed_identifier = 'user-8'",
    "contacts changed by somebody else": f"UPDATE {CONTACT} SET name = 'user-8'",
    "contacts without a session": f"DELETE FROM {SESSION}",
    "signed sessions of nobody": f"UPDATE {CONTACT} SET identifier = NULL, name = ''",
}


@pytest.fixture
def ada(inbox):
    """The session of a contact as the race makes them: its name is its identifier."""
    contact = ContactFactory(account=inbox.account, identifier="user-7", name="user-7")
    return ContactInboxFactory(inbox=inbox, contact=contact, hmac_verified=True)


def breaches(url, **known):
    return [bar.name for bar in broken(url, **known) if not bar.met]


def test_where_no_rule_is_broken_none_is_found(ada, stored):
    assert breaches(stored(), ended={"replaced"}) == []


@pytest.mark.parametrize("rule", INVARIANTS)
def test_a_rule_that_is_broken_is_found(ada, stored, rule):
    assert breaches(stored(BREACHES[rule])) == [rule]


def test_a_session_that_a_sign_in_should_have_ended_is_found(ada, stored):
    assert breaches(stored(), ended={ada.source_id}) == ["ended sessions that are found"]


def test_a_merge_without_a_record_is_found(ada, stored):
    assert breaches(stored(), merges=1) == ["records of merges"]
