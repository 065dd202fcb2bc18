"""Hostile input with the status that each has to meet, so that runs on SQLite and on PostgreSQL must agree."""

import json

import pytest

from .api import INBOXES, assert_in_order, contact_url, contacts_url, problem, signed, stored

METHODS = ("POST", "PATCH")
DEEP = 33

MALFORMED = {
    "one brace": b"{",
    "closing brace": b"}",
    "open list": b"[",
    "open text": b'"',
    "space": b" ",
    "line feed": b"\n",
    "NUL": b"\x00",
    "half a word": b"nul",
    "no value": b'{"name":}',
    "no key": b'{:"Ada"}',
    "no colon": b'{"name" "Ada"}',
    "single quotes": b"{'name':'Ada'}",
    "bare key": b'{name:"Ada"}',
    "last comma": b'{"name":"Ada",}',
    "comment": b'{"name":"Ada"}//',
    "leading zero": b'{"x":01}',
    "plus": b'{"x":+1}',
    "no integer part": b'{"x":.5}',
    "no fraction": b'{"x":1.}',
    "no exponent": b'{"x":1e}',
    "hexadecimal": b'{"x":0x10}',
    "minus": b'{"x":-}',
    "raw line feed in text": b'{"name":"a\nb"}',
    "raw NUL in text": b'{"name":"a\x00b"}',
    "unknown escape": b'{"name":"\\x41"}',
    "short escape": b'{"name":"\\u12"}',
    "trailing text": b'{"name":"Ada"}x',
    "trailing NUL": b"{}\x00",
    "two objects": b"{}{}",
    "two lines": b"{}\n{}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"name":"Ada"}'.encode("utf-16"),
    "UTF-16 without mark": '{"name":"Ada"}'.encode("utf-16-le"),
    "UTF-32": '{"name":"Ada"}'.encode("utf-32"),
    "Latin-1": '{"name":"André"}'.encode("latin-1"),
    "lone byte": b"\xff",
    "overlong": b'{"name":"\xc0\xaf"}',
    "cut off": b'{"name":"\xe2\x82"}',
    "surrogate in UTF-8": b'{"name":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"name":"\xf4\x90\x80\x80"}',
    "null": b"null",
    "true": b"true",
    "number": b"1",
    "text": b'"name"',
    "list": b"[]",
    "list of an object": b"[{}]",
    "NaN": b'{"x":NaN}',
    "Infinity": b'{"x":Infinity}',
    "minus Infinity": b'{"x":[-Infinity]}',
    "only NaN": b"NaN",
    "float too large": b'{"x":1e400}',
    "float too small": b'{"x":-1e400}',
    "65 bits": b'{"x":9223372036854775808}',
    "65 bits below zero": b'{"x":-9223372036854775809}',
    "65 bits in custom attributes": b'{"custom_attributes":{"x":[9223372036854775808]}}',
    "65 bits as identifier": b'{"identifier":9223372036854775808}',
    "5,000 digits": b'{"x":' + b"9" * 5000 + b"}",
    "doubled key": b'{"name":"a","name":"b"}',
    "doubled key, escaped": b'{"name":"a","n\\u0061me":"b"}',
    "doubled key below": b'{"custom_attributes":{"a":1,"a":2}}',
    "doubled key in what is ignored": b'{"x":[{"a":1,"a":2}]}',
    "escaped NUL": b'{"name":"a\\u0000b"}',
    "escaped NUL in identifier": b'{"identifier":"\\u0000"}',
    "escaped NUL in a hash": b'{"identifier_hash":"\\u0000"}',
    "escaped NUL in a key": b'{"\\u0000":1}',
    "escaped NUL in custom attributes": b'{"custom_attributes":{"a":["\\u0000"]}}',
    "escaped NUL in a key below": b'{"custom_attributes":{"a":{"\\u0000":1}}}',
    "lone high surrogate": b'{"name":"\\ud800"}',
    "lone low surrogate": b'{"name":"\\udfff"}',
    "surrogates in the wrong order": b'{"name":"\\udc00\\ud800"}',
    "surrogate in identifier": b'{"identifier":"\\ud800"}',
    "surrogate in a hash": b'{"identifier":"a","identifier_hash":"\\ud800"}',
    "surrogate in a key": b'{"\\ud800":1}',
    "surrogate in custom attributes": b'{"custom_attributes":{"a":{"b":"\\ud800"}}}',
    "lists too deep": b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "objects too deep": b'{"x":' * DEEP + b"1" + b"}" * DEEP,
    "50,000 open lists": b"[" * 50_000,
    "20,000 open objects": b'{"x":' * 20_000,
    "form": b"name=Ada",
    "XML": b"<?xml version='1.0'?><name>Ada</name>",
}

LONG_KEY = {"k" * 101: 1}
MANY_KEYS = {f"k{number}": number for number in range(201)}
SIX_LEVELS = {"a": {"b": {"c": {"d": {"e": {}}}}}}
SIX_LEVELS_OF_LISTS = {"a": [[[[[]]]]]}

INVALID = {
    "identifier": [
        [],
        {},
        1.5,
        1e300,
        True,
        False,
        "x" * 256,
        " u",
        "u ",
        "\tu",
        "u\n",
        "u\xa0",
        "\u3000u",
        "a\x07b",
        "a\x85b",
        "\x7f",
    ],
    "name": [[], {}, 5, True, 0, "x" * 256, "a\nb", "a\x1bb", "\x85", "\x9f"],
    "email": [
        [],
        {},
        5,
        "ada",
        "@",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@exa mple.com",
        "ada@example..com",
        "a@b@example.com",
        "ada@example.com\n",
        "\x07@example.com",
        "x" * 245 + "@example.com",
    ],
    "phone_number": [
        [],
        {},
        12025550123,
        "12025550123",
        "+0202555012",
        "+123456",
        "+1234567890123456",
        "+1202555012x",
        "+\uff11\uff12\uff10\uff12\uff15\uff15\uff15",
        "++12025550123",
        "+1202555/0123",
        "+1202\n5550123",
        "-",
        "\u0661" * 8,
    ],
    "avatar_url": [
        [],
        {},
        5,
        "ada.png",
        "//example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "http://",
        "https:///ada.png",
        "https://exa mple.com",
        "https://example.com/\n",
        "https://example.com/\u2028",
        "https://example.com/" + "x" * 2029,
    ],
    "custom_attributes": [
        "a",
        [],
        5,
        True,
        [1],
        MANY_KEYS,
        LONG_KEY,
        {"a": [LONG_KEY]},
        SIX_LEVELS,
        SIX_LEVELS_OF_LISTS,
        {"a": "x" * 32_768},
        {"a": "\u20ac" * 11_000},
    ],
}

VALID = [
    {},
    {"identifier": None, "identifier_hash": None, "name": None, "email": None, "phone_number": None},
    {"identifier": "", "identifier_hash": "", "name": "", "email": "", "phone_number": "", "avatar_url": ""},
    {"identifier_hash": " \t "},
    {"custom_attributes": None},
    {"custom_attributes": ""},
    {"custom_attributes": {}},
    {"id": "x", "source_id": [], "pubsub_token": {}, "hmac_verified": True, "account_id": 7, "": None},
    {"x": "x" * 90_000},
    {"identifier": 0},
    {"identifier": -(2**63)},
    {"identifier": 2**63 - 1},
    {"identifier": "\U0001f600" * 255},
    {"identifier": "e\u0301\u200b\u202e\ufffe\U0010ffff"},
    {"identifier": "'; DROP TABLE inquirly_contacts_contact; --"},
    {"identifier": '%s %(x)s {0} \\ " ` $1 ? ??'},
    {"name": "\u0645\u0631\u062d\u0628\u0627 \u202e \ufeff"},
    {"name": " "},
    {"name": "\U0001f468\u200d\U0001f469" * 85},
    {"name": "<script>alert(1)</script>"},
    {"email": "ADA@EXAMPLE.COM"},
    {"email": "ada@b\u00fccher.example"},
    {"phone_number": "+1 (202) 555-01.23"},
    {"phone_number": "[+]" + " " * 5_000 + "12025550123"},
    {"avatar_url": "HTTP://example.com".lower()},
    {"avatar_url": "https://\u4f8b.example/" + "\u20ac" * 2_000},
    {"custom_attributes": {"a": 1.5e308, "b": -5e-324, "c": 1e20, "d": -0.0, "e": 2**63 - 1, "f": -(2**63)}},
    {"custom_attributes": {"": "", " ": None, "$": [], "a.b": {"__proto__": 1}, "\u202e": "\x07\x1b"}},
    {"custom_attributes": {"a": {"b": {"c": {"d": 1}}}}},
    {"custom_attributes": {"k" * 100: "x" * 32_000}},
    {"custom_attributes": {f"k{number}": number for number in range(200)}},
    {"custom_attributes": {f"k{number}": None for number in range(500)}},
]

WRONG_HASHES = ["0" * 64, "0", "x" * 90_000, "\u20ac", "\x01", 5, 0, True, False, 1.5, [], {}, ["a"], {"a": 1}]


def send(client, session, method, body, **extra):
    path = contacts_url(session.inbox) if method == "POST" else contact_url(session)
    return client.generic(method, path, body, **{"content_type": "application/json", **extra})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_json_object_is_400(client, visitor, method, body):
    before = stored()

    response = send(client, visitor, method, body)

    assert_in_order(response)
    assert response.status_code == 400
    assert stored() == before


@pytest.mark.parametrize("sign", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(field, value, id=f"{field}-{ascii(value)[:30]}-{number}")
        for field, values in INVALID.items()
        for number, value in enumerate(values)
    ],
)
def test_an_invalid_field_is_422_and_named(client, visitor, method, field, value, sign):
    body = {"name": "Ada", field: value}
    if sign and field != "identifier":
        body |= signed(visitor.inbox, "user-7")
    before = stored()

    response = send(client, visitor, method, json.dumps(body))

    assert_in_order(response)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert stored() == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", VALID, ids=lambda body: ascii(body)[:40])
def test_what_is_odd_but_valid_is_200(client, visitor, method, body):
    response = send(client, visitor, method, json.dumps(body))

    assert_in_order(response)
    assert response.status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", VALID, ids=lambda body: ascii(body)[:40])
def test_what_is_odd_but_valid_is_200_when_signed(client, visitor, method, body):
    identifier = body.get("identifier") or "user-7"
    body = body | signed(visitor.inbox, str(identifier)) | {"identifier": identifier}

    response = send(client, visitor, method, json.dumps(body))

    assert_in_order(response)
    assert response.status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("proof", WRONG_HASHES, ids=lambda proof: ascii(proof)[:20])
def test_a_hash_that_is_not_right_is_401(client, visitor, method, proof):
    before = stored()

    response = send(client, visitor, method, json.dumps({"identifier": "user-7", "identifier_hash": proof}))

    assert_in_order(response)
    assert response.json() == problem(401)
    assert stored() == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("APPLICATION/JSON", 200),
        ("application/json; charset=utf-16", 200),
        ("application/json;;;", 200),
        (" application/json ", 200),
        ("", 415),
        (";", 415),
        ("*/*", 415),
        ("application/", 415),
        ("json", 415),
        ("application/json, text/plain", 415),
        ("application/problem+json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data", 415),
        ("multipart/form-data; boundary=", 415),
        ("multipart/form-data; boundary=\xff", 415),
        ("application/j\xe9son", 415),
        ("x" * 10_000, 415),
    ],
)
def test_only_json_is_read(client, visitor, method, content_type, status):
    response = send(client, visitor, method, b"{}", content_type=content_type)

    assert_in_order(response)
    assert response.status_code == status


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("2", 200),
        ("00000002", 200),
        ("0", 200),
        ("", 200),
        ("-1", 400),
        ("-0", 400),
        ("+2", 400),
        ("2.0", 400),
        ("0x2", 400),
        ("1e1", 400),
        ("2, 2", 400),
        ("two", 400),
        ("\u0662".encode().decode("latin-1"), 400),
        ("\xb2", 400),
        ("102401", 413),
        ("9" * 20, 413),
        ("9" * 5_000, 413),
    ],
)
def test_a_length_is_a_small_number(client, visitor, method, length, status):
    response = send(client, visitor, method, b"{}", CONTENT_LENGTH=length)

    assert_in_order(response)
    assert response.status_code == status


UNKNOWN = [
    "x",
    "x" * 64,
    "x" * 65,
    "x" * 9_000,
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "%f0%9f%98%80",
    "%c3%28",
    "%",
    "%zz",
    "%0a",
    "%2f",
    "%2e%2e",
    "..",
    "%252e",
    "%20",
    "'",
    "%22",
    "<script>",
    "${x}",
    "*",
    "~",
    "{inbox_identifier}",
]


@pytest.mark.parametrize("token", UNKNOWN, ids=lambda token: token[:20])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "{0}"), ("POST", "{0}/contacts"), ("GET", "{0}/contacts/x"), ("PATCH", "{0}/contacts/x")],
)
def test_an_odd_inbox_is_404(client, inbox, method, path, token):
    response = client.generic(method, f"{INBOXES}/{path.format(token)}", b"{}", content_type="application/json")

    assert_in_order(response)
    assert response.json() == problem(404)


@pytest.mark.parametrize("token", UNKNOWN, ids=lambda token: token[:20])
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT"])
def test_an_odd_session_is_404(client, inbox, method, token):
    response = client.generic(method, f"{contacts_url(inbox)}/{token}", b"{}", content_type="application/json")

    assert_in_order(response)
    assert response.json() == problem(404)


@pytest.mark.parametrize(
    "tail", ["/", "//", "%0a", "%00", "%20", "/.", "/..", "/contacts/", "/x", ";x", ".json", "%ff"]
)
def test_an_address_ends_where_it_ends(client, visitor, tail):
    paths = [f"{INBOXES}/{visitor.inbox.identifier}", contacts_url(visitor.inbox), contact_url(visitor)]

    for path in paths[1:] if tail == "/contacts/" else paths:
        response = client.get(path + tail)

        assert_in_order(response)
        assert response.json() == problem(404)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("&&&==&", 200),
        ("%", 200),
        ("%zz=%ff&\xff", 200),
        ("a=1" * 20_000, 200),
        ("identifier=user-7", 200),
        ("identifier=%00%ff", 200),
        ("identifier_hash=", 200),
        ("identifier_hash=%20%09", 200),
        ("identifier_hash=0", 401),
        ("identifier_hash=%00", 401),
        ("identifier_hash=%ff", 401),
        ("identifier_hash=%ed%a0%80", 401),
        ("identifier=%ed%a0%80&identifier_hash=%ed%a0%80", 401),
        ("identifier=%00&identifier_hash=" + "0" * 64, 401),
        ("identifier=" + "x" * 50_000 + "&identifier_hash=" + "0" * 50_000, 401),
        ("identifier[]=a&identifier_hash[]=b", 200),
        ("identifier_hash=x&" * 900, 401),
        ("a&" * 1_001, 400),
        ("identifier_hash=x&" * 1_001, 400),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_query_is_read_with_care(client, visitor, query, status):
    response = client.generic("GET", contact_url(visitor), QUERY_STRING=query)

    assert_in_order(response)
    assert response.status_code == status
