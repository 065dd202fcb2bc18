"""What is made of the answers that came while something was wrong."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import strategies as st

from bench.faults.delays import Turn, delays, slow, waited
from bench.faults.disk import LAST, Round
from bench.faults.examples import examples
from bench.faults.postgresql import Cluster
from bench.faults.tally import Reply, Tally
from bench.faults.turns import TROUBLES, Turns
from bench.faults.twins import ATTEMPTS, Call, Heard, Twin, Twins
from bench.faults.visitors import visiting_during

OK, FAILED = "200", "503"


def tally(*replies):
    """Return replies by when they came and what they were; each took a second."""
    return Tally([Reply(at, result, 1.0) for at, result in replies])


def turns(tmp_path):
    return Turns(Cluster(tmp_path, 1), 1)


def test_a_start_lasts_until_the_next_success(tmp_path):
    taken = turns(tmp_path)
    taken.starts = [10.0, 20.0]

    assert taken.slowest_start(tally((9, OK), (11, FAILED), (12, OK), (21, OK), (25, OK))) == 2


def test_a_start_without_success_lasts_until_the_end(tmp_path):
    taken = turns(tmp_path)
    taken.starts = [10.0, 20.0]

    assert taken.slowest_start(tally((9, OK), (11, OK), (21, FAILED), (26, FAILED))) == 6


def test_a_trouble_is_over_when_a_call_is_served_before_the_next_stop(tmp_path):
    taken = turns(tmp_path)
    taken.spans = [("stopped", 10, 20), ("read-only", 30, 40), ("stopped", 50, 60), ("read-only", 70, 80)]

    assert taken.lasting(tally((35, OK), (40, FAILED), (45, OK), (82, OK))) == 0
    assert taken.lasting(tally((35, OK), (45, FAILED), (55, OK), (75, OK), (82, FAILED))) == 2


def test_a_trouble_is_felt_by_the_calls_that_fail_in_its_time(tmp_path):
    taken = turns(tmp_path)
    taken.spans = [("stopped", 10, 20), ("read-only", 30, 40), ("stopped", 50, 60)]
    felt = taken.felt(tally((9, FAILED), (11, FAILED), (12, OK), (25, FAILED), (31, OK), (51, FAILED)))

    assert felt == {"stopped": 2, **dict.fromkeys((trouble.name for trouble in TROUBLES), 0)}


def test_calls_are_compared_with_the_median_of_the_quiet_before():
    took = [(0.5, 0.01), (1.0, 0.02), (1.5, 0.03), (10.2, 0.3), (10.7, 0.3), (12.0, 0.119), (99.0, 9.0)]
    found = delays(Turn("slow", 0, 10, 20, True), Tally([Reply(sent + seconds, OK, seconds) for sent, seconds in took]))

    assert [round(delay) for delay in found.first] == [280]
    assert [round(delay) for delay in found.later] == [280, 99]
    assert (slow(found.first), slow(found.later), round(waited(found.later), 2)) == (1, 1, 0.28)


def test_a_round_recovers_when_the_last_calls_are_served():
    full = Round(begin=10, freed=20, end=100)
    served = [(50 + number, OK) for number in range(LAST)]

    assert full.failures(tally((9, FAILED), (10, OK), (11, FAILED), (20, FAILED), *served)) == 1
    assert full.recovery(tally((11, FAILED), (21, OK), (23, FAILED), *served)) == 3
    assert full.recovery(tally((11, FAILED), *served)) == 0
    assert full.recovered(tally((23, FAILED), *served))
    assert not full.recovered(tally(*served, (99, FAILED)))
    assert not full.recovered(tally((99, FAILED), *[(at + 100, OK) for at, _ok in served]))
    assert not full.recovered(tally((11, OK)))


@pytest.fixture
def twins():
    with ThreadPoolExecutor(2) as pool:
        yield Twins((Twin("first", "1"), Twin("second", "2")), pool)


def call(first, second):
    """Return a call that each twin answers with the next of its statuses, which are as many as there are attempts."""
    statuses = {"first": first, "second": second}
    return Call("call", lambda twin, attempt: Heard([statuses[twin.name][attempt]]))


@pytest.mark.parametrize(
    ("first", "second", "findings"),
    [
        pytest.param([404], [404], {}, id="alike"),
        pytest.param([200, 200], [404, 200], {}, id="alike-the-second-time"),
        pytest.param([200] * ATTEMPTS, [404] * ATTEMPTS, {"different": 1}, id="different"),
        pytest.param([500], [500], {"5xx": 2}, id="5xx-on-both"),
        pytest.param([200, 200], [503, 200], {"5xx": 1}, id="5xx-once"),
    ],
)
def test_twins_have_to_agree_and_never_to_fail(twins, first, second, findings):
    twins.compare(call(first, second))

    assert twins.findings == findings
    assert twins.calls == 1


def test_a_broken_promise_is_found(twins):
    twins.compare(Call("call", lambda twin, attempt: Heard([200], "no JSON" if twin.name == "second" else "")))

    assert twins.findings == {"promise broken": 1}


def test_the_same_seed_makes_the_same_examples():
    strategy = st.lists(st.integers())

    assert examples(strategy, 20, seed=1) == examples(strategy, 20, seed=1)
    assert examples(strategy, 20, seed=1) != examples(strategy, 20, seed=2)


class Silent:
    tally = Tally()


def test_no_call_seems_slower_by_a_collection_of_the_visitors_own_garbage():
    done, seen = threading.Event(), []

    def look(visitor):
        seen.append(gc.isenabled())
        done.set()

    visiting_during(lambda: done.wait(10), [Silent()], look)

    assert set(seen) == {False}
    assert gc.isenabled()


def test_what_goes_wrong_in_the_work_is_heard_of():
    def fail():
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        visiting_during(fail, [Silent()], lambda visitor: None)
    assert gc.isenabled()
