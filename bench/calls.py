"""The four calls that are measured, as requests and as what they know of the rows in the database.

Every contender has the same inbox and the same contacts: number ``n`` has the identifier ``user-n`` and one session.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

ORIGIN = "https://shop.example"
INBOX = "bench"
HMAC_TOKEN = "key-of-the-bench"  # noqa: S105 (of a database that is dropped at the end)
CONTACTS = f"/public/api/v1/inboxes/{INBOX}/contacts"
# What calls make is numbered from here on, so that the numbers below stay free for more rows.
CREATED = 10_000_000


class Request(NamedTuple):
    method: str
    path: str
    body: str = ""


class Call(NamedTuple):
    """``request`` makes the request of a number. That number is used up by the call, or any known contact's."""

    name: str
    label: str
    request: Callable[[int], Request]
    creates: bool = False


def source_id(number: int) -> str:
    """Return the ``source_id`` of contact ``number``'s session: 32 characters in no order, as real ones are."""
    return hashlib.md5(f"source-{number}".encode(), usedforsecurity=False).hexdigest()


def signed(identifier: str) -> dict[str, str]:
    """Return the fields that prove ``identifier`` to the inbox."""
    proof = hmac.digest(HMAC_TOKEN.encode(), identifier.encode(), "sha256").hex()
    return {"identifier": identifier, "identifier_hash": proof}


def _create(identifier: str) -> Request:
    fields = {**signed(identifier), "name": "Ada Lovelace", "email": f"{identifier}@example.com"}
    return Request("POST", CONTACTS, json.dumps(fields))


def create_new(number: int) -> Request:
    return _create(f"new-{number}")


def create_known(number: int) -> Request:
    return _create(f"user-{number}")


def read(number: int) -> Request:
    return Request("GET", f"{CONTACTS}/{source_id(number)}")


def update(number: int) -> Request:
    return Request("PATCH", f"{CONTACTS}/{source_id(number)}", json.dumps({"name": "Grace Hopper"}))


CREATES = (
    Call("create_new", "signed create, new", create_new, creates=True),
    Call("create_known", "signed create, known", create_known),
)
READ, UPDATE = Call("get", "GET", read), Call("patch", "PATCH", update)
CALLS = (*CREATES, READ, UPDATE)
WRITES = (*CREATES, UPDATE)


def write(path: Path, requests: Iterable[Request]) -> Path:
    """Write one request a line for ``load.lua``: method, path and body, parted by tabs."""
    path.write_text("".join("\t".join(request) + "\n" for request in requests), encoding="utf-8")
    return path
