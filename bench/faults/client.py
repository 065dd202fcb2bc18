"""A client that keeps its connection, and opens a new one where that is lost."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from bench.calls import ORIGIN, Request

SECONDS_TO_ANSWER = 30


class Answer(NamedTuple):
    """``headers`` have names in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Client:
    """For one thread."""

    def __init__(self, address: str) -> None:
        self.connection = HTTPConnection(address, timeout=SECONDS_TO_ANSWER)

    def send(self, request: Request, **headers: str) -> Answer | None:
        """Return the answer, or None where none came: nobody knows then whether the request was carried out."""
        usual = {"Content-Type": "application/json", "Origin": ORIGIN}
        try:
            self.connection.request(request.method, request.path, request.body or None, usual | headers)
            response = self.connection.getresponse()
            body = json.loads(response.read())
        except (OSError, HTTPException, ValueError):
            self.connection.close()  # the next request opens it again
            return None
        return Answer(response.status, body, {name.lower(): value for name, value in response.getheaders()})
