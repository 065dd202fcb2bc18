"""What the scripts of the faults share: that a run which misses a bar fails, and that answers are lost indeed."""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench import machine
from bench.calls import Request
from bench.faults import command
from bench.faults.client import Client
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.lost_answers import Proxy
from bench.faults.meanwhile import meanwhile
from bench.faults.memory import Memory
from bench.faults.tally import NO_ANSWER, Reply, Tally, percentile, result
from bench.load import Refused
from bench.server import free_port

ROOT = Path(__file__).parent.parent
SCRIPTS = [path for path in sorted((ROOT / "bench/faults").glob("*.py")) if "__main__" in path.read_text()]
SCRIPTS.append(ROOT / "bench/cable.py")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}


def run(script, *options):
    return subprocess.run(
        [sys.executable, script, *options], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_has_a_help_text(script):
    done = run(script, "--help")

    assert done.returncode == 0, done.stderr
    assert all(text in done.stdout for text in ("--quick", "--format", "DATABASE_URL", "REDIS_URL", "Status: 0"))


def test_the_scripts_are_those_of_the_readme():
    text = (ROOT / "bench/README.md").read_text()

    assert {path.stem for path in SCRIPTS} >= {"load", "kill", "lost_answers", "race"}
    assert not [path.stem for path in SCRIPTS if f"| `{path.stem}` |" not in text]


def test_without_a_database_a_script_says_what_to_set():
    done = run(ROOT / "bench/faults/kill.py", "--quick")

    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("Set DATABASE_URL")


@pytest.fixture
def started(monkeypatch, capsys):
    """Run a command that carries out ``run``, with these options; return its status and what it printed."""
    if problem := machine.missing(os.environ, programs=()):
        pytest.skip(problem)

    def start(run, *options, scales=()):
        monkeypatch.setattr(sys, "argv", ["script", *options])
        status = command.main("example", "Do it.", scales, run)
        return status, capsys.readouterr().out

    return start


MET, LOST, MISSED = Bar("lost", 0, "=", 0), Bar("lost", 1, "=", 0), Bar("p99", 2.5, "<", 2)


@pytest.mark.parametrize(
    ("bars", "status", "begins"),
    [
        pytest.param([MET], 0, "PASSED example: lost 0 (= 0); calls 12,000; 20", id="met"),
        pytest.param([MET, MISSED], 75, "FAILED example: lost 0 (= 0), p99 2.5 (< 2!); ", id="missed"),
        pytest.param([LOST, MISSED], 1, "FAILED example: lost 1 (= 0!), p99 2.5 (< 2!); ", id="lost"),
        pytest.param([], 75, "FAILED example: no bar; ", id="none"),
    ],
)
def test_a_run_passes_when_all_of_its_bars_are_met(started, bars, status, begins):
    done, printed = started(lambda options: Outcome(bars, {"calls": 12_000}))

    assert done == status
    assert printed.startswith(begins)
    assert printed.count("\n") == 1
    assert "load average" in printed


def test_a_run_that_cannot_be_made_fails_and_says_why(started):
    def refuse(options):
        raise Refused("The server\ndid not start.")

    done, printed = started(refuse)

    assert done == 75
    assert printed.startswith("FAILED example: The server did not start.; ")


def test_the_result_can_be_had_as_json(started):
    done, printed = started(lambda options: Outcome([Bar("lost", 1, "=", 0)], {"calls": 3}), "--format", "json")

    result = json.loads(printed)
    assert done == 1
    assert (result["passed"], result["figures"]) == (False, {"calls": 3})
    assert result["bars"] == [
        {"name": "lost", "figure": 1, "comparison": "=", "limit": 0, "met": False, "text": "lost 1 (= 0!)"}
    ]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [([], 600), (["--quick"], 25), (["--quick", "--seconds", "7"], 7)],
    ids=["full", "quick", "chosen"],
)
def test_a_run_is_as_long_as_the_options_say(started, options, seconds):
    def compare(chosen):
        return Outcome([Bar("seconds", chosen.seconds, "=", seconds)])

    assert started(compare, *options, scales=[Scale("seconds", 600, 25, "how long")])[0] == 0


@pytest.mark.parametrize(
    ("comparison", "figures"),
    [("=", (4, 6)), ("<", (5, 6)), ("<=", (6, 7)), (">=", (4, 3))],
)
def test_a_bar_of_five_is_missed(comparison, figures):
    assert not [figure for figure in figures if Bar("five", figure, comparison, 5).met]


def test_percentiles_are_of_the_successes():
    tally = Tally([Reply(0, "200", number / 1000) for number in range(1, 101)] + [Reply(0, "503", 9)])

    assert (tally.percentile(0.5), tally.percentile(0.99)) == (50, 99)
    assert tally.unlike("200") == 1
    assert tally.unlike("200", "503") == 0
    assert percentile([], 0.5) == 0


def test_a_worker_grows_from_a_fifth_of_the_time_to_its_end():
    memory = Memory({1: [10, 20, 20, 20, 20, 20, 20, 20, 20, 25], 2: [1_000_000] * 10})

    assert memory.growth == 25
    assert memory.peak == 1


@pytest.fixture
def site():
    """A small server that answers every call; yields its address and the paths that it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            status = 200 if b"good" in asked[-1] else 503
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_the_proxy_loses_every_tenth_answer_after_the_call_was_carried_out(site):
    address, asked = site
    with Proxy(address).running() as proxy:
        client = Client(proxy.address)
        answers = [client.send(Request("POST", "/", f"good {number}")) for number in range(30)]
        client.connection.close()

    assert [number for number, answer in enumerate(answers) if answer is None] == [9, 19, 29]
    assert {answer.status for answer in answers if answer} == {200}
    assert asked == [f"good {number}".encode() for number in range(30)]


def test_a_client_without_a_server_has_no_answer():
    assert Client(f"127.0.0.1:{free_port()}").send(Request("POST", "/")) is None


def test_an_unavailable_site_has_to_say_when_it_will_be_back(site):
    client = Client(site[0])
    answer = client.send(Request("POST", "/", "bad"))
    client.connection.close()

    assert result(answer) == "503 without Retry-After"
    assert result(answer._replace(headers={"retry-after": "5"})) == "503"
    assert result(None) == NO_ANSWER


def test_what_goes_on_meanwhile_is_done_again_and_its_failure_is_told():
    done = []

    def act():
        done.append(len(done))
        if len(done) == 3:
            raise ValueError("the third time")

    def wait():
        with meanwhile(act, every=0.001):
            while len(done) < 3:
                time.sleep(0.001)

    with pytest.raises(ValueError, match="the third time"):
        wait()
