"""A server in processes of its own, started and stopped as a whole."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

from .calls import ORIGIN, Request
from .load import Refused

ROOT = Path(__file__).resolve().parent.parent
SECONDS_TO_START = 30


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """Run ``command``, in which ``{port}`` stands for a free port; yields ``host:port`` once it can be reached.

    Raises ``Refused`` with the end of its log when it cannot be started.
    """
    address = f"127.0.0.1:{free_port()}"
    with started(command, environment, address):
        yield address


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` on the port of ``address``; yields the process, which leads a group, once it can be reached.

    Raises ``Refused`` like ``serving``.
    """
    arguments = [argument.replace("{port}", address.rpartition(":")[2]) for argument in command]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 (a command of ours)
            arguments,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(address, process, log)
            yield process
        finally:
            with suppress(ProcessLookupError):  # when it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)  # its workers too
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait(address: str, process: subprocess.Popen[bytes], log: IO[str]) -> None:
    host, _colon, port = address.partition(":")
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    log.seek(0)
    raise Refused(f"The server did not start: {process.args!r}\n{log.read()[-2000:]}")


def ask(address: str, request: Request) -> str:
    """Return the body of the answer to one request; raises ``Refused`` when that is not 200."""
    connection = HTTPConnection(address, timeout=20)
    try:
        headers = {"Content-Type": "application/json", "Origin": ORIGIN}
        connection.request(request.method, request.path, request.body, headers)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(f"{request.method} {request.path} was answered with {answer.status} {body}")
    return body
