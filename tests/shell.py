"""Commands, servers and calls as an operator has them: each in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.db import connection


@dataclass
class Shell:
    """A shell in a directory, with this Python and no environment but what is given."""

    directory: Path
    environment: dict[str, str]

    @property
    def options(self) -> dict[str, Any]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(self.directory), **self.environment}
        return {"cwd": self.directory, "env": environment}

    def run(self, script: str, **variables: str) -> str:
        """Return what ``script`` prints; one that fails, fails the test with all that it wrote."""
        options = self.options
        options["env"].update(variables)
        done = subprocess.run(["bash", "-euc", script], **options, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def serving(self, script: str, stop: signal.Signals = signal.SIGKILL) -> Iterator[str]:
        """Run a server on a free port instead of 8000; yields ``host:port`` as soon as it can be reached."""
        address = free_address()
        command = "exec " + script.replace("8000", address.rpartition(":")[2])
        with (self.directory / "server.log").open("w+") as log:
            server = subprocess.Popen(
                ["bash", "-euc", command], **self.options, stdout=log, stderr=log, start_new_session=True
            )
            try:
                wait_for(address, server, log)
                yield address
                server.send_signal(stop)
                server.wait(20)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)  # its workers too, some of which may be starting still
                server.wait()


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def wait_for(address: str, server: subprocess.Popen[bytes], log: Any) -> None:
    host, _colon, port = address.partition(":")
    for _attempt in range(200):
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
        if server.poll() is not None:
            break
    log.seek(0)
    pytest.fail(f"The server cannot be reached.\n{log.read()}")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread or process does soon."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def call(address: str, method: str, path: str, fields: Any = None, **headers: str) -> tuple[int, Any]:
    """Send a request and return the status and the JSON of its answer."""
    connection = HTTPConnection(address, timeout=20)
    try:
        body = None if fields is None else json.dumps(fields)
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.load(response)
    finally:
        connection.close()


def database_url() -> str:
    """Return the address of the database that the tests use."""
    database = connection.settings_dict
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    return f"postgres://{database['USER']}{password}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
