"""Our handlers: a request is answered whatever its Content-Type names."""

import io

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from inboxes.handlers import PublicASGIRequest
from inquirly_site.asgi import http
from inquirly_site.wsgi import application

from .api import contacts_url, stored

pytestmark = pytest.mark.usefixtures("_one_connection")

BROKEN = [
    "x; charset=hex",
    "x; charset=idna",
    "x; charset=undefined",
    "x; charset=a\x00b",
    "x; a*=nope''%ff",
    "x; boundary*=nope''%ff",
    "multipart/form-data; boundary=\xff; charset=zlib",
]


def environ(inbox, content_type, query):
    factory = RequestFactory()
    base = factory._base_environ(REQUEST_METHOD="POST", PATH_INFO=contacts_url(inbox))
    body = b'{"name": "Ada"}'
    return base | {
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(body),
    }


@pytest.mark.parametrize("query", ["", "a=1", "a=%ff"])
@pytest.mark.parametrize("content_type", BROKEN)
def test_a_charset_that_is_none_is_refused_like_any_other_media_type(inbox, content_type, query):
    response = application(environ(inbox, content_type, query), lambda status, headers: None)

    assert response.status_code == 415
    assert response["Content-Type"] == "application/problem+json"
    assert stored() == []


def test_json_is_json_whatever_charset_it_names(inbox):
    response = application(environ(inbox, "application/json; charset=hex", "a=%ff"), lambda status, headers: None)

    assert response.status_code == 200


@pytest.mark.parametrize("content_type", BROKEN)
def test_the_same_holds_under_asgi(content_type):
    scope = AsyncRequestFactory()._base_scope(
        path="/", query_string=b"a=%ff", headers=[(b"content-type", content_type.encode("latin-1"))]
    )
    request, refusal = http.create_request(scope, io.BytesIO())

    assert refusal is None
    assert isinstance(request, PublicASGIRequest)
    assert request.GET["a"] == "\N{REPLACEMENT CHARACTER}"


def test_the_boundary_of_a_form_is_kept(inbox):
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    meta = environ(inbox, "multipart/form-data; charset=hex; boundary=x", "")
    meta |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}

    assert application.request_class(meta).POST == {"a": ["1"]}
