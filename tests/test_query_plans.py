"""No query of a public call reads a whole table: among 100,000 contacts PostgreSQL finds each by an index."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from contacts import cable_streams, idempotency
from contacts.cable_streams import UPDATED, Event
from contacts.models import Contact, ContactInbox, IdempotencyKey
from inboxes.models import Inbox

from .api import update_contact
from .factories import InboxFactory
from .public_calls import SHAPES, callers, statements_of

ROWS = 100_000
LARGE_TABLES = {model._meta.db_table for model in (Contact, ContactInbox, IdempotencyKey)}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="reads plans as PostgreSQL writes them"),
    pytest.mark.xdist_group("query plans"),  # one process, so that the rows are made once
]


@pytest.fixture(scope="module")
def crowded_inbox(django_db_setup, django_db_blocker):
    """An inbox whose account has a hundred thousand contacts: made once, in a transaction that is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        inbox = InboxFactory()
        fill(inbox)
        yield inbox
        transaction.set_rollback(True)


def fill(inbox: Inbox) -> None:
    """Make contacts and their sessions; every other one is verified, every sixth shared by claim."""
    contacts, sessions, keys = (model._meta.db_table for model in (Contact, ContactInbox, IdempotencyKey))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {contacts} (account_id, identifier, claimed_identifier, claim_shared, name, email,
                phone_number, avatar_url, custom_attributes, blocked, last_activity_at, created_at, updated_at)
            SELECT %s, CASE WHEN n %% 2 = 0 THEN 'many-' || n END, CASE WHEN n %% 2 = 1 THEN 'many-' || n ELSE '' END,
                n %% 6 = 1, 'Many', 'many-' || n || '@example.com', '', '', '{{}}', false, now(), now(), now()
            FROM generate_series(1, %s) AS n
            """,
            [inbox.account_id, ROWS],
        )
        cursor.execute(
            f"""
            INSERT INTO {sessions} (inbox_id, contact_id, source_id, pubsub_token, hmac_verified, streamed,
                created_at, last_seen_at)
            SELECT %s, id, md5('source' || id), md5('token' || id), identifier IS NOT NULL, id %% 3 = 0, now(), now()
            FROM {contacts}
            """,
            [inbox.pk],
        )
        cursor.execute(
            f"""
            INSERT INTO {keys} (inbox_id, key, fingerprint, answer, contact_inbox_id, created_at)
            SELECT inbox_id, 'key-' || id, '', '', id, now() FROM {sessions}
            """
        )
        # Now, once, and not at the end of every test.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f"ANALYZE {contacts}, {sessions}, {keys}")


def plan_of(statement: str, options: str = "") -> list[dict[str, Any]]:
    """Return the nodes of PostgreSQL's plan for ``statement``."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}FORMAT JSON) {statement}")
        (plan,) = cursor.fetchone()
    nodes = [plan[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


def scanned_tables(statement: str) -> set[str]:
    """Return the tables that PostgreSQL would read from end to end for ``statement``."""
    return {node["Relation Name"] for node in plan_of(statement) if node["Node Type"] == "Seq Scan"}


@pytest.mark.parametrize("match_claims", [False, True], ids=["claims-apart", "claims-matched"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_call_finds_its_rows_by_index(client, crowded_inbox, shape, match_claims):
    Inbox.objects.filter(pk=crowded_inbox.pk).update(match_claims=match_claims)

    statements = statements_of(shape, client, callers(crowded_inbox))

    explained = [statement for statement in statements if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH"))]
    assert explained
    assert [statement for statement in explained if scanned_tables(statement) & LARGE_TABLES] == []


def test_pruning_finds_its_rows_by_index(crowded_inbox):
    with CaptureQueriesContext(connection) as captured:
        assert list(idempotency.prune()) == []

    [look_up] = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    assert scanned_tables(look_up) == set()


@pytest.mark.parametrize("crowd", ["first", "last"])
@pytest.mark.parametrize("others", [0, 7])
def test_the_sessions_that_hear_of_a_crowd_are_found_without_looking_through_others(crowded_inbox, others, crowd):
    contacts = [*Contact.objects.order_by("pk" if crowd == "first" else "-pk")[: 1 + others]]
    newest = ContactInbox.objects.filter(pk__in=ContactInbox.objects.order_by("-pk")[:5_000])
    newest.update(contact=contacts[0], streamed=True)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {ContactInbox._meta.db_table}")

    with CaptureQueriesContext(connection) as captured:
        cable_streams.messages([Event(UPDATED, contact.pk) for contact in contacts])

    plans = [plan_of(query["sql"], "ANALYZE, ") for query in captured if "LIMIT" in query["sql"]]
    read = [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for plan in plans for node in plan]
    assert len(plans) == 1 + len(contacts)  # all together, and as these are many, each for itself
    assert max(read) < 6_000


def test_a_change_stays_on_its_page_and_leaves_every_index_alone(client, crowded_inbox):
    sessions = ContactInbox.objects.select_related("inbox", "contact")
    visitors = sessions.filter(inbox=crowded_inbox, contact__identifier=None).order_by("pk")
    scattered = [*visitors[:40_000:500]]  # other tests change the last ones
    before = changes()

    for session in scattered:
        update_contact(client, session, name="Somebody whose name is longer")

    made, hot = (now - then for now, then in zip(changes(), before, strict=True))
    assert len(scattered) == 80
    assert made == hot == 2 * len(scattered)


def changes() -> tuple[int, int]:
    """Return how many rows of contacts and sessions this transaction has changed, and how many of them "HOT"."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n_tup_upd), sum(n_tup_hot_upd) FROM pg_stat_xact_user_tables WHERE relname = ANY(%s)",
            [[Contact._meta.db_table, ContactInbox._meta.db_table]],
        )
        made, hot = cursor.fetchone()
    return int(made), int(hot)


def test_a_look_up_without_index_would_be_seen(crowded_inbox):
    statement = f"SELECT * FROM {Contact._meta.db_table} WHERE name = 'Ada'"

    assert scanned_tables(statement) == {Contact._meta.db_table}
