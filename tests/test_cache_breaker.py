"""While the cache is away, calls do not wait for it, and its return is noticed."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import SimpleNamespace

import pytest

from inboxes import cache_breaker
from inboxes.cache_breaker import PAUSE, SLOW, CacheBreaker


class Clock(SimpleNamespace):
    now: float

    def monotonic(self):
        return self.now


class Cache:
    """Answers 7, counts how often it was asked, and takes ``seconds`` or fails with ``error``."""

    def __init__(self, clock):
        self.clock, self.asked, self.seconds, self.error = clock, 0, 0.0, None

    def answer(self):
        self.asked += 1
        self.clock.now += self.seconds
        if self.error:
            raise self.error
        return 7


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(now=1_000.0)
    monkeypatch.setattr(cache_breaker, "time", clock)
    return clock


@pytest.fixture
def cache(clock):
    return Cache(clock)


@pytest.fixture
def breaker():
    return CacheBreaker()


def warnings(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_cache_that_answers_is_asked_every_time(breaker, cache, caplog):
    assert [breaker.call(cache.answer) for _ in range(3)] == [7, 7, 7]
    assert cache.asked == 3
    assert warnings(caplog) == []


def test_a_cache_that_failed_is_left_alone_for_the_pause(breaker, cache, clock):
    cache.error = ConnectionError()

    assert [breaker.call(cache.answer) for _ in range(3)] == [None, None, None]
    clock.now += PAUSE - 0.001
    assert breaker.call(cache.answer) is None
    assert cache.asked == 1


def test_after_the_pause_one_call_asks_again(breaker, cache, clock):
    cache.error = ConnectionError()
    breaker.call(cache.answer)
    clock.now += PAUSE

    assert [breaker.call(cache.answer) for _ in range(3)] == [None, None, None]
    assert cache.asked == 2


def test_a_cache_that_is_back_is_asked_every_time_again(breaker, cache, clock):
    cache.error = ConnectionError()
    breaker.call(cache.answer)
    cache.error = None
    clock.now += PAUSE

    assert [breaker.call(cache.answer) for _ in range(3)] == [7, 7, 7]


def test_what_a_slow_cache_answers_counts_and_is_the_last_that_is_waited_for(breaker, cache, clock):
    cache.seconds = SLOW * 2

    assert [breaker.call(cache.answer) for _ in range(3)] == [7, None, None]
    assert cache.asked == 1


def test_the_pause_begins_when_the_slow_answer_has_come(breaker, cache, clock):
    cache.seconds, cache.error = PAUSE * 5, TimeoutError()

    assert [breaker.call(cache.answer) for _ in range(3)] == [None, None, None]
    assert cache.asked == 1


def test_an_outage_is_logged_once_and_so_is_its_end(breaker, cache, clock, caplog):
    cache.error = ConnectionError("redis://:password@cache")
    for _ in range(5):
        breaker.call(cache.answer)
        clock.now += PAUSE
    cache.error = None
    breaker.call(cache.answer)
    breaker.call(cache.answer)

    assert warnings(caplog) == [
        "Calls are not counted: the cache did not answer (ConnectionError)",
        "Calls are counted again: the cache answers",
    ]


def test_one_thread_tries_again_and_the_others_do_not_wait_for_it(breaker, cache, clock):
    cache.error = ConnectionError()
    breaker.call(cache.answer)
    clock.now += PAUSE
    release = threading.Event()

    def hang():
        release.wait(timeout=10)
        return 7

    with ThreadPoolExecutor(8) as pool:
        answers = (call.result() for call in as_completed([pool.submit(breaker.call, hang) for _ in range(8)]))
        assert [next(answers) for _ in range(7)] == [None] * 7
        release.set()
        assert next(answers) == 7


def test_a_call_that_began_before_the_outage_does_not_end_it():
    breaker = CacheBreaker()

    def answers_late():
        breaker.call(fail)
        return 1

    assert breaker.call(answers_late) == 1
    assert breaker.call(lambda: 1) is None


def fail():
    raise ConnectionError
