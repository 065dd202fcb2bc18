"""Which bodies pass the one door, and what is said of the others."""

import io
import json

import pytest

from contacts.models import ContactInbox
from contacts.views import ContactViewSet

from .api import INBOXES, contacts_url, problem, public_contact, stored

MAX_DEPTH = 32
MAX_BODY = 100 * 1024


def post(client, inbox, body, content_type="application/json", **meta):
    return client.generic("POST", contacts_url(inbox), body, content_type=content_type, **meta)


class HungUp(io.BytesIO):
    """What a server reads from when the client has gone."""

    def read(self, size=-1):
        raise ConnectionResetError


def nested(levels):
    return '{"x":' * levels + "1" + "}" * levels


ACCEPTED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{}", id="empty-object"),
    pytest.param(b" \r\n\t{} \n", id="white-space-around"),
    pytest.param(b'{"name":"\\ud83d\\ude00"}', id="surrogate-pair"),
    pytest.param(b'{"name":"\\\\u0000"}', id="escaped-backslash"),
    pytest.param('{"name":"\N{SNOWMAN}"}'.encode(), id="utf-8"),
    pytest.param(b'{"x":9223372036854775807,"y":-9223372036854775808,"z":1e308}', id="numbers-at-the-limit"),
    pytest.param(nested(MAX_DEPTH).encode(), id="depth-at-the-limit"),
    pytest.param(b'{"x":"' + b"a" * (MAX_BODY - 8) + b'"}', id="size-at-the-limit"),
]

REFUSED = [
    pytest.param(b"{", "The body is not valid JSON.", id="broken"),
    pytest.param(b" ", "The body is not valid JSON.", id="white-space"),
    pytest.param(b"{} {}", "The body is not valid JSON.", id="trailing-data"),
    pytest.param(b"{'a':1}", "The body is not valid JSON.", id="single-quotes"),
    pytest.param(b'{"a":1,}', "The body is not valid JSON.", id="trailing-comma"),
    pytest.param(b'{"a":01}', "The body is not valid JSON.", id="leading-zero"),
    pytest.param(b'{"name":"a\x00"}', "The body is not valid JSON.", id="raw-nul"),
    pytest.param(b"\xef\xbb\xbf{}", "The body is not valid JSON.", id="byte-order-mark"),
    pytest.param(b'{"a":' + b"9" * 5000 + b"}", "The body is not valid JSON.", id="5000-digits"),
    pytest.param(b"[" * 100_000, "The body is not valid JSON.", id="100000-brackets"),
    pytest.param(b'{"name":"\xff"}', "The body is not UTF-8.", id="not-utf-8"),
    pytest.param(b'{"name":"\xed\xa0\x80"}', "The body is not UTF-8.", id="surrogate-bytes"),
    pytest.param("{}".encode("utf-16"), "The body is not UTF-8.", id="utf-16"),
    pytest.param(b"[]", "The body has to be a JSON object.", id="list"),
    pytest.param(b'"name"', "The body has to be a JSON object.", id="text"),
    pytest.param(b"null", "The body has to be a JSON object.", id="null"),
    pytest.param(b"7", "The body has to be a JSON object.", id="number"),
    pytest.param(b'{"a":1,"a":1}', "The body holds an object in which a key stands twice.", id="doubled-key"),
    pytest.param(
        b'{"x":{"a":1,"\\u0061":2}}', "The body holds an object in which a key stands twice.", id="doubled-escaped-key"
    ),
    pytest.param(b'{"a":NaN}', "NaN and Infinity are not JSON.", id="nan"),
    pytest.param(b'{"a":[-Infinity]}', "NaN and Infinity are not JSON.", id="infinity"),
    pytest.param(b'{"a":1e999}', "The body holds a number that is too large.", id="float-overflow"),
    pytest.param(b'{"a":9223372036854775808}', "The body holds an integer of more than 64 bits.", id="2-to-the-63"),
    pytest.param(b'{"a":-9223372036854775809}', "The body holds an integer of more than 64 bits.", id="below-64-bits"),
    pytest.param(nested(MAX_DEPTH + 1).encode(), "The body is nested too deeply.", id="depth"),
    pytest.param(
        b'{"name":"a\\u0000"}', "The body holds a text with a NUL character or a lone surrogate.", id="escaped-nul"
    ),
    pytest.param(
        b'{"x":[{"\\ud800":1}]}', "The body holds a text with a NUL character or a lone surrogate.", id="surrogate-key"
    ),
    pytest.param(
        b'{"x":"\\udfff"}', "The body holds a text with a NUL character or a lone surrogate.", id="last-surrogate"
    ),
    pytest.param(
        b'{"x":"\\udc00\\ud800"}', "The body holds a text with a NUL character or a lone surrogate.", id="reversed-pair"
    ),
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_json_objects_pass(client, inbox, body):
    assert post(client, inbox, body).status_code == 200


@pytest.mark.parametrize(("body", "detail"), REFUSED)
def test_all_else_is_refused_with_the_reason(client, inbox, body, detail):
    response = post(client, inbox, body)

    assert response.status_code == 400
    assert response.json() == problem(400, detail=detail)
    assert stored() == []


def test_broken_bodies_are_refused_before_the_hash_is_looked_at(client, inbox):
    response = post(client, inbox, b'{"identifier":"x","identifier_hash":"0","identifier":"y"}')

    assert response.status_code == 400


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=latin-1"],
)
def test_json_is_read_as_utf_8_whatever_the_parameters_say(client, inbox, content_type):
    response = post(client, inbox, '{"name":"\N{SNOWMAN}"}'.encode(), content_type)

    assert response.json()["name"] == "\N{SNOWMAN}"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
    ],
)
def test_other_media_types_are_refused(client, inbox, content_type):
    response = post(client, inbox, b'{"name":"Ada"}', content_type)

    assert response.status_code == 415
    assert response.json() == problem(415)
    assert stored() == []


def test_a_media_type_under_another_name_is_none(rf, inbox):
    """Like a length: of a header ``Content_Type``."""
    request = rf.generic("POST", "/", b"{}", HTTP_CONTENT_TYPE="application/json")
    del request.META["CONTENT_TYPE"]

    response = ContactViewSet.as_view({"post": "create"})(request, inbox_identifier=inbox.identifier)

    assert response.status_code == 415
    assert stored() == []


def test_an_empty_body_needs_no_media_type(client, inbox):
    assert post(client, inbox, b"", "application/x-www-form-urlencoded").status_code == 200


def test_a_body_above_100_kib_is_refused(client, inbox):
    response = post(client, inbox, json.dumps({"x": "a" * MAX_BODY}))

    assert response.status_code == 413
    assert response.json() == problem(413)
    assert stored() == []


@pytest.mark.parametrize("length", ["102401", "200000", "9" * 5000], ids=["one-more", "zeros", "5000-digits"])
def test_the_announced_length_counts(client, inbox, length):
    assert post(client, inbox, b"{}", CONTENT_LENGTH=length).status_code == 413


def test_a_length_may_begin_with_zeros(client, inbox):
    assert post(client, inbox, b"{}", CONTENT_LENGTH="00000002").status_code == 200


@pytest.mark.parametrize("length", ["-1", "1.5", "0x10", "many", "\N{SUPERSCRIPT TWO}", "+2", "2,2"])
def test_a_length_that_is_no_number_is_refused(client, inbox, length):
    response = post(client, inbox, b"{}", CONTENT_LENGTH=length)

    assert response.status_code == 400
    assert response.json() == problem(400, detail="Content-Length is not a number.")


def test_a_chunked_body_is_refused_and_not_dropped(client, inbox):
    response = post(client, inbox, b'{"name":"Ada"}', CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")

    assert response.status_code == 411
    assert response.json() == problem(411)
    assert stored() == []


def test_a_client_that_hangs_up_stores_nothing(client, inbox):
    response = post(client, inbox, b'{"name":"Ada"}', **{"wsgi.input": HungUp()})

    assert response.status_code == 400
    assert response.json() == problem(400, detail="The body did not arrive whole.")
    assert stored() == []


def test_who_hangs_up_on_an_inbox_that_is_unknown_is_no_error(client, db):
    response = client.generic(
        "POST", f"{INBOXES}/unknown/contacts", b"{}", content_type="application/json", **{"wsgi.input": HungUp()}
    )

    assert response.status_code == 404
    assert response.json() == problem(404)


@pytest.mark.parametrize("arrived", [b"", b'{"name":"Ada"}'], ids=["nothing", "what-looks-whole"])
def test_a_body_shorter_than_announced_is_refused(client, inbox, arrived):
    response = post(client, inbox, b"{}", CONTENT_LENGTH="20", **{"wsgi.input": io.BytesIO(arrived)})

    assert response.status_code == 400
    assert response.json() == problem(400, detail="The body did not arrive whole.")
    assert stored() == []


@pytest.mark.parametrize(("body", "status"), [(b'{"name":"Ada"}', 411), (b"", 200)])
def test_a_body_that_needs_no_length_is_not_taken_for_none(client, inbox, body, status):
    """HTTP/2 needs none: its body ends by itself, and servers that let it say so."""
    ended = {"wsgi.input_terminated": True, "wsgi.input": io.BytesIO(body)}

    assert post(client, inbox, b"", CONTENT_LENGTH="", **ended).status_code == status


@pytest.mark.parametrize("terminated", [False, True])
def test_a_length_under_another_name_is_none(client, inbox, terminated):
    """WSGI turns a header ``Content_Length`` into the name that DRF looks at next."""
    ended = {"wsgi.input_terminated": terminated, "wsgi.input": io.BytesIO()}
    response = post(client, inbox, b"", HTTP_CONTENT_LENGTH="5", **ended)

    assert response.status_code == 200
    assert response.json() == public_contact(ContactInbox.objects.get())


def test_of_a_body_without_length_only_the_beginning_is_read(client, inbox):
    endless = io.BytesIO(b"{}" * MAX_BODY)
    response = post(client, inbox, b"", CONTENT_LENGTH="", **{"wsgi.input_terminated": True, "wsgi.input": endless})

    assert response.status_code == 411
    assert endless.tell() == 1
