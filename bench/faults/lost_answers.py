"""Lose one answer in ten after the call was carried out, and let the client send the call again."""

import argparse
import itertools
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script, Python looks beside this file only

from bench.calls import CONTACTS
from bench.faults import command, production
from bench.faults.command import Bar, Outcome, Scale
from bench.faults.ledger import Ledger
from bench.faults.stored import compare, counted
from bench.faults.tally import NO_ANSWER
from bench.faults.visitors import Visitor, signed_request, together, visitors

CONNECTIONS = 8
ATTEMPTS = 10
SCALES = [Scale("creates", 20_000, 3_000, "how many contacts are created")]


class Proxy(ThreadingTCPServer):
    """Stands before the site; every tenth answer goes no further, and with it the connection."""

    daemon_threads = True

    def __init__(self, site: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        host, _colon, port = site.partition(":")
        self.site = host, int(port)
        self.answers = itertools.count(1)
        self.lost: list[bytes] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        Thread(target=self.serve_forever, daemon=True).start()
        with self:
            yield self
            self.shutdown()


class Passing(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        with socket.create_connection(self.server.site) as site, site.makefile("rb") as answers:
            while request := message(self.rfile):
                site.sendall(request)
                answer = message(answers)
                if next(self.server.answers) % 10 == 0:
                    self.server.lost.append(answer)
                    return
                self.wfile.write(answer)


def message(source: BufferedIOBase) -> bytes:
    """Return the next request or answer, whole; nothing at the end of the connection."""
    lines: list[bytes] = []
    while (line := source.readline()).strip():
        lines.append(line)
    if not line:
        return b""
    lengths = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
    return b"".join([*lines, line, source.read(sum(lengths))])


class Repeating(Visitor):
    """A visitor who sends a create again until it is answered, each time with the same key."""

    def create(self) -> None:
        write = self.ledger.begin(next(self.identifiers))
        request, key = signed_request("POST", CONTACTS, write), str(uuid4())
        for _attempt in range(ATTEMPTS):
            answer = self.call(request, None, **{"Idempotency-Key": key})
            if answer and answer.status == 200:
                self.ledger.end(write, answer)
                return
            if answer:  # under way still, where this client was too impatient
                time.sleep(float(answer.headers.get("retry-after", 1)))


def create_each(left: Iterator[int], visitor: Visitor) -> None:
    """Create as many as all visitors together have left to do."""
    for _number in left:
        visitor.create()


def run(options: argparse.Namespace) -> Outcome:
    ledger = Ledger()
    with production.database("lost_answers") as url:
        with production.site(url) as site, Proxy(site.address).running() as proxy:
            clients = visitors(CONNECTIONS, proxy.address, ledger, Repeating)
            tally = together(clients, partial(create_each, iter(range(options.creates))))
        compared, there = compare(ledger, url, at_least=options.creates), counted(url)
    bars = [Bar(name, count, "=", options.creates) for name, count in there.items()]
    bars.append(Bar("lost answers", len(proxy.lost), ">=", options.creates // 10))
    bars.append(Bar("other answers", tally.unlike("200", "409", NO_ANSWER), "=", 0))
    return Outcome([*bars, *compared], {"calls": len(tally.replies)})


if __name__ == "__main__":
    sys.exit(command.main("lost_answers", __doc__, SCALES, run))
