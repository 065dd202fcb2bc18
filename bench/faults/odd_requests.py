"""Odd requests in HTTP/1, byte by byte. Needs hypothesis."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from bench.calls import CONTACTS, INBOX, ORIGIN, signed
from bench.raw_http import answers

from .examples import examples
from .odd_bodies import OBJECTS, RAW, TEXTS, VALUES
from .twins import Call, Heard, Twin

NUMBER = 100
PATIENCE = (0.2, 2.0, 5.0)  # seconds that a server may be silent, by attempt

# Stand for the sessions of an unknown visitor and of somebody who signed in; each site has its own.
SESSIONS = VISITOR, CUSTOMER = (b"THE-VISITOR", b"THE-CUSTOMER")
# Fields that may be right or nearly so: what comes further than to the parser.
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "identifier": TEXTS,
        "name": st.sampled_from(["Ada", "", "x" * 255, "x" * 256]) | TEXTS,
        "email": st.sampled_from(["ada@example.com", "ADA@EXAMPLE.COM", "ada@", ""]) | TEXTS,
        "phone_number": st.sampled_from(["+12025550123", "+1 (202) 555-0123", "12025550123"]) | TEXTS,
        "avatar_url": st.sampled_from(["https://example.com/a.png", "ftp://example.com", "https://[::1"]) | TEXTS,
        "custom_attributes": st.dictionaries(st.sampled_from("abc") | TEXTS, VALUES, max_size=3),
    },
)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return ``usual`` for three in four."""
    return st.integers(0, 3).flatmap(lambda number: usual if number else odd)


ADDRESS = CONTACTS.encode()
METHODS = st.sampled_from(
    [b"GET", b"POST", b"PATCH", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"TRACE", b"CONNECT", b"post", b""]
)
PARTS = st.sampled_from(
    [b"public", b"api", b"v1", b"inboxes", INBOX.encode(), b"contacts", b"..", b"%00", b"%", *SESSIONS]
)
ESCAPED = st.binary(max_size=8).map(lambda part: quote_from_bytes(part).encode())
PATHS = st.just(ADDRESS) | st.lists(PARTS | ESCAPED).map(lambda parts: b"/" + b"/".join(parts))
CALLS = mostly(
    st.sampled_from(
        [
            b"POST " + ADDRESS,
            b"PATCH " + ADDRESS + b"/" + VISITOR,
            b"PATCH " + ADDRESS + b"/" + CUSTOMER,
            b"GET " + ADDRESS + b"/" + CUSTOMER,
        ]
    ),
    st.builds(lambda method, path: method + b" " + path, METHODS, PATHS),
)
WORDS = st.sampled_from([b"identifier=", b"identifier_hash=", b"user-7", b"&", b"=", b"%00", b"%ff", b"0" * 64])
QUERIES = mostly(st.just(b""), st.lists(WORDS | ESCAPED).map(lambda parts: b"?" + b"".join(parts)))
VERSIONS = mostly(st.just(b" HTTP/1.1"), st.sampled_from([b" HTTP/1.0", b" HTTP/9", b""]))

CONTENT_TYPES = mostly(
    st.just(b"application/json"),
    st.sampled_from([b"application/json; charset=hex", b"text/plain", b"multipart/form-data", b""]),
)
# WSGI gives a header with underscores the name of another one, or nearly so.
LENGTH_NAMES = mostly(st.just(b"Content-Length: "), st.sampled_from([b"Content_Length: ", b"X-Length: "]))
ODD_LENGTHS = st.sampled_from([b"", b"0", b"1", b"-1", b"2, 2", b"102401", b"9" * 30])
HEADERS = st.sampled_from(
    [
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Origin: " + ORIGIN.encode(),
        b"Origin: null",
        b"Access-Control-Request-Method: PATCH",
        b"Idempotency-Key: one",
        b"Idempotency-Key: \x80",
        b"X-Forwarded-For: 192.0.2.1, [::1",
        b"Accept: text/html",
        b"Accept-Language: \xff, de;q=x",
        b"Authorization: Basic \xff",
        b"Cookie: sessionid=x; csrftoken=\xff",
        b"Content-Encoding: gzip",
        b"Range: bytes=0-",
        b"Upgrade: websocket",
        b"Host: elsewhere",
    ]
) | st.binary(max_size=20)

# Where, as a part of the whole; how many bytes go, and which come.
CHANGES = st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=8))


def bodies(*identifiers: str) -> st.SearchStrategy[bytes]:
    """Return bodies of all kinds, some of which are signed for one of the identifiers."""
    signatures = st.sampled_from([signed(identifier) for identifier in identifiers])
    rightly_signed = st.builds(lambda fields, signature: {**fields, **signature}, FIELDS, signatures)
    return mostly((FIELDS | rightly_signed).map(_json), st.just(b"") | RAW | (OBJECTS | VALUES).map(_json))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def requests(draw: Callable[[st.SearchStrategy[Any]], Any], bodies: st.SearchStrategy[bytes]) -> bytes:
    """Make a request, and let some of its bytes be lost or replaced, or others come in between."""
    body = draw(bodies)
    length = st.just(str(len(body)).encode())
    lines = [
        draw(CALLS) + draw(QUERIES) + draw(VERSIONS),
        b"Host: 127.0.0.1",
        b"Connection: close",
        b"Content-Type: " + draw(CONTENT_TYPES),
        draw(LENGTH_NAMES) + draw(mostly(length, ODD_LENGTHS)),
        *draw(mostly(st.just([]), st.lists(HEADERS, max_size=3))),
    ]
    request = b"\r\n".join([*lines, b"", b""]) + body
    for place, lost, new in draw(mostly(st.just([]), st.lists(CHANGES, max_size=3))):
        at = int(place * len(request))
        request = request[:at] + new + request[at + lost :]
    return request


def calls(seed: int, *identifiers: str) -> Iterator[Call]:
    for request in examples(requests(bodies(*identifiers)), NUMBER, seed):
        yield _call(request)


def _call(request: bytes) -> Call:
    def send(twin: Twin, attempt: int) -> Heard:
        own = request
        for name, session in zip(SESSIONS, twin.sessions, strict=True):
            own = own.replace(name, session.encode())
        return Heard(answers(twin.address, own, PATIENCE[attempt]))

    return Call(repr(request), send)
