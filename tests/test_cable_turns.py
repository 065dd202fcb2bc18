"""Whoever hears of a contact with thousands of sessions hears in order and once, and keeps nobody else waiting."""

from itertools import chain

import pytest

from contacts import cable_streams
from contacts.cable_streams import BLOCKED, MERGED, PIECE, UPDATED, End, Event
from contacts.cable_turns import Turns
from contacts.models import ContactInbox

from .factories import ContactFactory, ContactInboxFactory


@pytest.fixture
def crowd(inbox):
    """The sessions of a contact that has some more than two pieces of them."""
    contact = ContactFactory(account=inbox.account, name="Ada")
    sessions = ContactInboxFactory.build_batch(2 * PIECE + 3, inbox=inbox, contact=contact, streamed=True)
    return ContactInbox.objects.bulk_create(sessions)


@pytest.fixture
def streamed(customer, visitor):
    """Let both have been opened by sockets."""
    ContactInbox.objects.update(streamed=True)


def groups(sessions):
    return [cable_streams.group(session.pubsub_token) for session in sessions]


def taken(turns):
    """Return for each turn the kind and the group of what was told."""
    found = []
    while turns:
        found.append([(message.get("event") or message["reason"], group) for group, message in turns.next()])
    return found


def every(kind, sessions):
    return [(kind, group) for group in groups(sessions)]


@pytest.mark.usefixtures("streamed")
def test_a_contact_with_many_sessions_takes_turns_with_the_others(crowd, visitor, customer):
    turns = Turns()
    for contact in (crowd[0].contact, visitor.contact, customer.contact):
        turns.add(Event(UPDATED, contact.pk))

    assert taken(turns) == [
        every(UPDATED, [*crowd[:PIECE], visitor, customer]),
        every(UPDATED, crowd[PIECE : 2 * PIECE]),
        every(UPDATED, crowd[2 * PIECE :]),
    ]


@pytest.mark.usefixtures("streamed")
def test_who_comes_later_waits_for_a_piece_only(crowd, visitor):
    turns = Turns()
    for _time in range(3):
        turns.add(Event(UPDATED, crowd[0].contact_id))
    turns.next()
    turns.add(End("session_erased", pubsub_tokens=("gone",)))
    turns.add(Event(UPDATED, visitor.contact_id))

    assert [group for group, _message in turns.next()][PIECE:] == [
        cable_streams.group("gone"),
        *groups([visitor]),
    ]


def test_news_of_a_contact_reach_each_session_once_and_in_their_order(crowd):
    turns = Turns()
    for news in (Event(UPDATED, crowd[0].contact_id), Event(MERGED, crowd[0].contact_id)):
        turns.add(news)

    assert [*chain.from_iterable(taken(turns))] == [*every(UPDATED, crowd), *every(MERGED, crowd)]


def test_the_streams_of_a_contact_end_for_all_of_its_sessions(crowd, visitor):
    contact = crowd[0].contact
    contact.blocked = True
    contact.save()
    turns = Turns()
    turns.add(End(BLOCKED, contact.pk))
    turns.add(Event(UPDATED, contact.pk))

    assert [*chain.from_iterable(taken(turns))] == every(BLOCKED, crowd)


def test_a_piece_is_told_as_things_are_stored_then(crowd):
    turns = Turns()
    turns.add(Event(UPDATED, crowd[0].contact_id))
    before = turns.next()
    contact = crowd[0].contact
    contact.name = "Grace"
    contact.save()
    after = turns.next()

    assert {message["contact"]["name"] for _group, message in before} == {"Ada"}
    assert {message["contact"]["name"] for _group, message in after} == {"Grace"}


def test_those_of_few_sessions_are_looked_up_at_once(django_assert_num_queries, inbox):
    sessions = ContactInboxFactory.create_batch(5, inbox=inbox, streamed=True)
    turns = Turns()
    for session in sessions:
        turns.add(Event(UPDATED, session.contact_id))
    with django_assert_num_queries(1):
        told = turns.next()

    assert [group for group, _message in told] == groups(sessions)
    assert not turns


@pytest.mark.parametrize("news", [Event(UPDATED, 0), End(BLOCKED, 0)], ids=["event", "end"])
def test_sessions_that_no_socket_has_opened_are_not_told(crowd, news):
    ContactInbox.objects.exclude(pk=crowd[7].pk).update(streamed=False)
    turns = Turns()
    turns.add(news._replace(contact_id=crowd[0].contact_id))

    assert [[group for _kind, group in told] for told in taken(turns)] == [groups([crowd[7]])]
