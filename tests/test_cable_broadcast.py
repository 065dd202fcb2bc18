"""Whoever changes a contact neither waits for the channel layer nor fails by it, and what is lost is counted."""

import asyncio
import os
import socket
import threading
import warnings
from types import SimpleNamespace

import pytest
from channels.layers import BaseChannelLayer
from django.db import OperationalError, connection

from contacts import cable_broadcast, cable_outage, cable_streams, cable_turns
from contacts.cable_broadcast import Broadcaster
from contacts.cable_outage import PAUSE, Outage
from contacts.cable_streams import End, Event
from contacts.cable_turns import Turns

from .cable import Clock
from .shell import wait_until

NEWS = End("session_erased", pubsub_tokens=("a",))
EVENT = Event("contact.updated", contact_id=1)
TOLD = (cable_streams.group("a"), {"type": "cable.end", "group": cable_streams.group("a"), "reason": "session_erased"})


class Layer(BaseChannelLayer):
    """A layer between processes. It remembers what it was told, or fails, or is slow."""

    sent: list
    error: Exception | None
    reached: threading.Event
    gate: threading.Event

    async def group_send(self, group, message):
        self.reached.set()
        self.gate.wait(10)
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.sent.append((group, message))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(cable_outage, "time", clock)
    return clock


@pytest.fixture
def layer(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.test_cable_broadcast.Layer"}}
    Layer.sent, Layer.error, Layer.reached, Layer.gate = [], None, threading.Event(), threading.Event()
    Layer.gate.set()
    return Layer


@pytest.fixture
def broadcaster():
    broadcaster = Broadcaster()
    yield broadcaster
    broadcaster.stop()


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


def test_news_are_sent_by_a_thread_that_ends_when_it_is_asked_to(layer, broadcaster):
    broadcaster.tell(NEWS)
    broadcaster.tell(NEWS)
    (thread,) = [one for one in threading.enumerate() if one.name == "inquirly-broadcast"]
    broadcaster.stop()

    assert layer.sent == [TOLD, TOLD]
    assert not thread.is_alive()
    assert thread.daemon


def test_it_begins_again_after_its_end(layer, broadcaster):
    for _time in range(2):
        broadcaster.tell(NEWS)
        broadcaster.stop()

    assert layer.sent == [TOLD, TOLD]


def test_who_has_much_to_hear_lets_others_go_between(layer, monkeypatch, broadcaster):
    def messages(batch):
        return [
            (
                [(news.contact_id, news.after_id)],
                news._replace(after_id=news.after_id + 1) if news.contact_id == 1 and news.after_id < 2 else None,
            )
            for news in batch
        ]

    monkeypatch.setattr(cable_turns, "messages", messages)
    layer.gate.clear()
    broadcaster.tell(Event("contact.updated", contact_id=1))
    broadcaster.tell(Event("contact.merged", contact_id=1))
    assert layer.reached.wait(10)
    broadcaster.tell(Event("contact.updated", contact_id=2))
    layer.gate.set()
    broadcaster.stop()

    assert layer.sent == [(1, 0), (1, 1), (2, 0), (1, 2), (1, 0), (1, 1), (1, 2)]


def test_news_that_come_soon_after_others_are_looked_up_with_them(layer, monkeypatch, broadcaster):
    batches, soon = [], iter([Event("contact.updated", contact_id=2)])

    def messages(batch):
        batches.append(batch)
        return [([], None) for _news in batch]

    monkeypatch.setattr(cable_turns, "messages", messages)
    monkeypatch.setattr(cable_broadcast, "time", SimpleNamespace(sleep=lambda _seconds: [*map(broadcaster.tell, soon)]))
    broadcaster.tell(Event("contact.updated", contact_id=1))
    wait_until(lambda: batches)
    broadcaster.stop()

    assert [event.contact_id for event in batches[0]] == [1, 2]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="Django never closes SQLite's database in memory")
@pytest.mark.django_db(transaction=True)
def test_a_connection_to_the_database_that_has_ended_is_replaced(layer, monkeypatch, broadcaster):
    found = []

    def messages(batch):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            found.append(cursor.fetchone())
        connection.connection.close()
        connection.errors_occurred = True  # as Django notes when it is told so
        return [([], None) for _news in batch]

    monkeypatch.setattr(cable_turns, "messages", messages)
    broadcaster.tell(EVENT)
    wait_until(lambda: found)
    broadcaster.tell(EVENT)
    broadcaster.stop()

    assert found == [(1,), (1,)]


def test_without_a_layer_nobody_is_told(settings, broadcaster):
    settings.CHANNEL_LAYERS = {}
    broadcaster.tell(NEWS)

    assert broadcaster._thread is None


def kinds(batch):
    """Tell of each news what it is, and nothing more."""
    return [([(type(news).__name__, news.contact_id)], None) for news in batch]


def test_whoever_tells_does_not_wait_and_events_that_nobody_can_hold_are_lost(layer, monkeypatch, broadcaster, caplog):
    monkeypatch.setattr(cable_turns, "messages", kinds)
    monkeypatch.setattr(cable_broadcast, "MAX_WAITING", 3)
    layer.gate.clear()
    broadcaster.tell(EVENT)
    assert layer.reached.wait(10)
    for news in [EVENT] * 5 + [NEWS] * 5:
        broadcaster.tell(news)
    layer.gate.set()
    wait_until(lambda: len(layer.sent) == 9)
    broadcaster.tell(EVENT)
    broadcaster.stop()

    assert sorted(layer.sent) == [("End", 0)] * 5 + [("Event", 1)] * 5
    assert lines(caplog) == [
        "Sockets are not told of all changes: no answer (Full)",
        "Sockets are told of all changes again; lost meanwhile: 2",
    ]


def test_what_cannot_be_told_before_the_process_ends_is_counted(layer, monkeypatch, broadcaster, caplog):
    monkeypatch.setattr(cable_broadcast, "LAST_SECONDS", 0.01)
    layer.gate.clear()
    broadcaster.tell(NEWS)
    assert layer.reached.wait(10)
    broadcaster.tell(NEWS)
    thread = broadcaster._thread
    broadcaster.stop()
    layer.gate.set()
    thread.join(10)

    assert lines(caplog) == ["Sockets are not told of the last 2 changes: the process ends."]


def test_an_outage_is_logged_when_it_begins_and_ends_with_the_number_of_what_was_lost(
    layer, clock, broadcaster, caplog
):
    layer.error = ConnectionError("redis://:password@layer")
    broadcaster.tell(NEWS)
    wait_until(lambda: broadcaster.outage.lost == 1)
    broadcaster.tell(NEWS)  # it is too early for another try
    wait_until(lambda: broadcaster.outage.lost == 2)
    clock.now += PAUSE
    broadcaster.tell(NEWS)
    wait_until(lambda: broadcaster.outage.lost == 3)
    clock.now += PAUSE
    layer.error = None
    broadcaster.tell(NEWS)
    broadcaster.tell(NEWS)
    broadcaster.stop()

    assert layer.sent == [TOLD, TOLD]
    assert lines(caplog) == [
        "Sockets are not told of changes: no answer (ConnectionError)",
        "Sockets are told of changes again; lost meanwhile: 3",
    ]


def test_in_an_outage_those_that_wait_together_are_lost_together(layer, clock, broadcaster):
    layer.gate.clear()
    layer.error = ConnectionError()
    broadcaster.tell(NEWS)
    assert layer.reached.wait(10)
    for _time in range(3):
        broadcaster.tell(NEWS)
    layer.gate.set()
    wait_until(lambda: broadcaster.outage.lost == 4)
    broadcaster.stop()

    assert layer.sent == []
    assert broadcaster.outage.lost == 4


def test_of_a_turn_only_the_first_is_tried_while_the_layer_is_away(layer, clock, broadcaster):
    layer.error = ConnectionError()
    turns = Turns()
    for token in "aba":
        turns.add(End("session_erased", pubsub_tokens=(token,)))
    with asyncio.Runner() as runner:
        broadcaster._take_turn(runner, turns)

    assert broadcaster.outage.lost == 3
    assert not turns


def test_a_layer_that_never_answers_is_not_waited_for(layer, monkeypatch, broadcaster, caplog):
    async def never(self, group, message):
        await asyncio.sleep(60)

    monkeypatch.setattr(Layer, "group_send", never)
    monkeypatch.setattr(cable_broadcast, "PATIENCE", 0.01)
    broadcaster.tell(NEWS)
    broadcaster.stop()

    assert broadcaster.outage.lost == 1
    assert lines(caplog) == ["Sockets are not told of changes: no answer (TimeoutError)"]


@pytest.mark.parametrize("error", [OperationalError, TimeoutError])
def test_a_database_that_is_away_loses_news_and_nothing_else(layer, clock, monkeypatch, broadcaster, caplog, error):
    found = iter([error, [([TOLD], None)]])

    def messages(batch):
        if (one := next(found)) is error:
            raise error
        return one

    monkeypatch.setattr(cable_turns, "messages", messages)
    broadcaster.tell(NEWS)
    wait_until(lambda: broadcaster.outage.lost == 1)
    clock.now += PAUSE
    broadcaster.tell(NEWS)
    broadcaster.stop()

    assert layer.sent == [TOLD]
    assert lines(caplog) == [
        f"Sockets are not told of changes: no answer ({error.__name__})",
        "Sockets are told of changes again; lost meanwhile: 1",
    ]


def test_news_that_nobody_hears_end_no_outage(layer, clock, monkeypatch, broadcaster, caplog):
    layer.error = ConnectionError()
    broadcaster.tell(NEWS)
    wait_until(lambda: broadcaster.outage.lost == 1)
    clock.now += PAUSE
    broadcaster.tell(Event("contact.updated", contact_id=0))
    broadcaster.stop()

    assert lines(caplog) == ["Sockets are not told of changes: no answer (ConnectionError)"]


def test_a_thread_without_news_gives_its_connection_back(layer, monkeypatch, broadcaster):
    closed = threading.Event()
    monkeypatch.setattr(cable_broadcast, "QUIET", 0.01)
    monkeypatch.setattr(cable_broadcast.connections, "close_all", closed.set)
    broadcaster.tell(NEWS)

    assert closed.wait(5)
    broadcaster.tell(NEWS)
    broadcaster.stop()
    assert layer.sent == [TOLD, TOLD]


def test_within_a_process_news_that_the_database_does_not_give_are_counted_too(settings, monkeypatch, caplog):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    broadcaster, found = Broadcaster(), iter([OperationalError(), [([TOLD], None)]])

    def messages(batch):
        one = next(found)
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(cable_streams, "messages", messages)

    async def tell_twice():
        broadcaster.serve()
        for number in (1, 2):
            broadcaster.tell(NEWS)
            while len(caplog.records) < number:
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(tell_twice(), 10))

    assert lines(caplog) == [
        "Sockets are not told of changes: no answer (OperationalError)",
        "Sockets are told of changes again; lost meanwhile: 1",
    ]


def test_a_child_process_has_a_thread_of_its_own(layer, broadcaster):
    layer.gate.clear()
    cable_broadcast.broadcaster.tell(NEWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks beside threads, as it should
        child = os.fork()
    if child == 0:
        os._exit(
            0 if cable_broadcast.broadcaster._thread is None and cable_broadcast.broadcaster._waiting.empty() else 1
        )
    _pid, status = os.waitpid(child, 0)
    layer.gate.set()
    cable_broadcast.broadcaster.stop()

    assert status == 0
    assert layer.sent == [TOLD]


def test_names_are_looked_up_without_the_threads_that_end_before_the_process():
    with asyncio.Runner(loop_factory=cable_broadcast.Loop) as runner:
        found = runner.run(runner.get_loop().getaddrinfo("127.0.0.1", 6379, type=socket.SOCK_STREAM))

    assert [address for *_kind, address in found] == [("127.0.0.1", 6379)]


def test_an_outage_that_never_was_has_no_end(caplog):
    outage = Outage("Away", "Back")
    outage.end()

    assert not outage.lasts()
    assert not caplog.records
