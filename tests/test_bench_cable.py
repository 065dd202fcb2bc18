"""The script that opens thousands of sockets: what it counts, and that its clients stay."""

import json
import resource
import threading

import pytest
from websockets.sync.server import serve

from bench import machine, sockets
from bench.load import Refused
from bench.sockets import Arrival
from bench.updates import Heard, Update


def update(number, result="200"):
    return Update(number, f"name {number}", sent=1.0, answered=1.5, result=result)


def arrival(number, name=None, event="contact.updated", at=1.75):
    return Arrival(number, event, name or f"name {number}", at)


def test_an_update_arrives_once_at_its_own_socket():
    heard = Heard([update(1), update(2)], [arrival(2), arrival(1)])

    assert (heard.lost, heard.doubled, heard.astray, heard.other_answers) == ([], 0, 0, 0)
    assert heard.delays() == {
        "p50 ms from the request": 750,
        "p99 ms from the request": 750,
        "p50 ms from the answer": 250,
        "p99 ms from the answer": 250,
    }


@pytest.mark.parametrize(
    ("arrivals", "counts"),
    [
        pytest.param([arrival(1)], (1, 0, 0), id="lost"),
        pytest.param([arrival(1), arrival(2), arrival(2)], (0, 1, 0), id="doubled"),
        pytest.param([arrival(1), arrival(2), arrival(3, "name 2")], (0, 0, 1), id="at-somebody-elses-socket"),
        pytest.param([arrival(1), arrival(2), arrival(1, "old")], (0, 0, 1), id="of-another-update"),
        pytest.param([arrival(1), arrival(2), arrival(2, event="contact.merged")], (0, 0, 1), id="of-another-kind"),
    ],
)
def test_what_goes_wrong_is_counted(arrivals, counts):
    heard = Heard([update(1), update(2)], arrivals)

    assert (len(heard.lost), heard.doubled, heard.astray) == counts


def test_other_answers_are_counted():
    assert Heard([update(1), update(2, "503")], []).other_answers == 1


@pytest.fixture
def server(monkeypatch):
    """A server that sends an event to whoever subscribes, and ends the first connection; yields its address."""
    monkeypatch.setattr(sockets, "PAUSE", (0, 0))
    connections = []

    def answer(socket):
        connections.append(socket)
        socket.send(json.dumps({"type": "welcome"}))
        identifier = json.loads(socket.recv())["identifier"]
        name = json.loads(identifier)["pubsub_token"]
        if name != "of nobody":
            socket.send(json.dumps({"type": "ping", "message": 1}))
            socket.send(json.dumps({"type": "confirm_subscription", "identifier": identifier}))
            message = {"event": "contact.updated", "data": {"name": name}}
            socket.send(json.dumps({"identifier": identifier, "message": message}))
        if len(connections) > 1:
            list(socket)  # until the client ends it

    with serve(answer, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"127.0.0.1:{running.socket.getsockname()[1]}"
        running.shutdown()
        thread.join()


def test_a_socket_that_is_lost_is_opened_again(server):
    with sockets.opened(server, {7: "token"}) as opened:
        pass

    assert opened.opened_again == 1
    assert [(arrival.number, arrival.event, arrival.name) for arrival in opened.arrivals] == [
        (7, "contact.updated", "token")
    ] * 2


def test_sockets_that_do_not_listen_are_not_reported(server, monkeypatch):
    monkeypatch.setattr(sockets, "SECONDS_TO_OPEN", 0.2)

    with pytest.raises(Refused, match="Only 0 of 1 sockets are listening"), sockets.opened(server, {7: "of nobody"}):
        pass


def test_files_that_cannot_be_had_are_told():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    with pytest.raises(Refused, match="raise the limit with `ulimit -n`"):
        machine.allow_files(2**62)

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
