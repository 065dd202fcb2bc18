"""``IdentifierHashAuthentication`` in views of a host project."""

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from inboxes.authentication import IdentifierHashAuthentication, Visitor, get_inbox
from inboxes.identity import Identity, identifier_hash
from inboxes.views import PublicViewSet

from .api import contacts_url, create_contact, problem, signed
from .factories import InboxFactory


class HostView(APIView):
    """A view of a host project, with DRF's own parsers and exception handler."""

    authentication_classes = [IdentifierHashAuthentication]
    permission_classes = [AllowAny]
    parser_classes = [JSONParser, FormParser]

    def get(self, request, inbox_identifier):
        return Response({"user": str(request.user), "signed": request.auth is not None})

    post = get


class SignedOnly(HostView):
    permission_classes = [IsAuthenticated]


def call(rf, inbox, body=None, view=HostView, content_type="application/json", **query):
    if body is None:
        return view.as_view()(rf.get("/", query), inbox_identifier=inbox.identifier)
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    request = rf.generic("POST", "/", text, content_type=content_type)
    return view.as_view()(request, inbox_identifier=inbox.identifier)


def test_an_unsigned_request_is_anonymous(rf, inbox):
    assert call(rf, inbox, {"identifier": "user-7"}).data == {"user": "AnonymousUser", "signed": False}


def test_a_signed_request_is_the_holder_of_the_identifier(rf, inbox):
    assert call(rf, inbox, signed(inbox, "user-7")).data == {"user": "user-7", "signed": True}
    assert call(rf, inbox, **signed(inbox, "user-7")).data == {"user": "user-7", "signed": True}


def test_what_user_and_auth_become(rf, inbox):
    request = HostView().initialize_request(rf.get("/", signed(inbox, "user-7")))
    request.parser_context["kwargs"] = {"inbox_identifier": inbox.identifier}
    user, auth = IdentifierHashAuthentication().authenticate(request)

    assert auth == Identity(inbox, "user-7")
    assert isinstance(user, Visitor)
    assert user.identifier == str(user) == "user-7"
    assert not user.has_perm("inquirly_contacts.change_contact")
    assert not user.has_perms(["inquirly_contacts.change_contact"])
    assert (user.is_authenticated, user.is_active) == (True, True)
    assert (user.is_anonymous, user.is_staff, user.is_superuser) == (False, False, False)
    assert user.pk == f"{inbox.identifier}:user-7"


def test_two_inboxes_of_one_request_are_told_apart(rf, inbox):
    other, request = InboxFactory(), rf.get("/")

    assert get_inbox(request, inbox.identifier) == inbox
    assert get_inbox(request, other.identifier) == other


def test_a_request_speaks_through_the_inbox_as_it_was_when_it_came(rf, inbox):
    request = rf.get("/")
    first = get_inbox(request, inbox.identifier)
    inbox.delete()

    assert get_inbox(request, inbox.identifier) is first


def test_an_unsigned_request_is_left_to_the_next_class(rf, inbox):
    request = HostView().initialize_request(rf.get("/"))
    request.parser_context["kwargs"] = {"inbox_identifier": inbox.identifier}

    assert IdentifierHashAuthentication().authenticate(request) is None


def test_a_view_for_signed_requests_refuses_others(rf, inbox):
    response = call(rf, inbox, {"identifier": "user-7"}, view=SignedOnly)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "IdentifierHash"
    assert call(rf, inbox, signed(inbox, "user-7"), view=SignedOnly).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"identifier": 7, "identifier_hash": 7}, id="integers"),
        pytest.param({"identifier": "x", "identifier_hash": "\N{SNOWMAN}"}, id="not-ascii"),
        pytest.param('{"identifier": "\\ud800", "identifier_hash": "\\ud800"}', id="surrogates"),
        pytest.param({"identifier": {}, "identifier_hash": []}, id="containers"),
        pytest.param({"identifier_hash": "0"}, id="no-identifier"),
    ],
)
def test_hostile_hashes_are_refused_with_the_hosts_own_parser(rf, inbox, body):
    assert call(rf, inbox, body).status_code == 401


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "cp037", "utf-8-sig", "shift_jis", "utf-7", "latin-1"])
def test_no_charset_hides_the_hash_of_a_query(client, inbox, charset):
    proof = signed(inbox, "user-\N{LATIN SMALL LETTER L WITH STROKE}")
    session = create_contact(client, inbox, **proof).json()
    url, content_type = f"{contacts_url(inbox)}/{session['source_id']}", f"application/json; charset={charset}"
    wrong = client.get(url, {**proof, "identifier_hash": "0" * 64}, CONTENT_TYPE=content_type)
    right = client.get(url, proof, CONTENT_TYPE=content_type)

    assert (wrong.status_code, wrong.json()) == (401, problem(401))
    assert (right.status_code, right.json()) == (200, session)


def test_a_query_of_bytes_that_nobody_has_escaped_is_utf_8(client, inbox):
    proof = signed(inbox, "user-\N{LATIN SMALL LETTER L WITH STROKE}")
    session = create_contact(client, inbox, **proof).json()
    query = f"identifier={proof['identifier']}&identifier_hash={proof['identifier_hash']}".encode().decode("latin-1")
    read = client.get(f"{contacts_url(inbox)}/{session['source_id']}", QUERY_STRING=query)

    assert (read.status_code, read.json()) == (200, session)


@pytest.mark.parametrize("body", ["[]", "null", '"text"'])
def test_what_is_no_object_is_refused_with_the_hosts_own_parser(rf, inbox, body):
    response = call(rf, inbox, body)

    assert response.status_code == 400
    assert response.data == {"detail": "The body has to be an object."}


def test_a_form_can_be_signed_where_the_host_reads_forms(rf, inbox):
    body = f"identifier=user-7&identifier_hash={identifier_hash(inbox.hmac_token, 'user-7')}"
    response = call(rf, inbox, body, content_type="application/x-www-form-urlencoded")

    assert response.data == {"user": "user-7", "signed": True}


def test_the_inbox_may_be_named_elsewhere(rf, inbox):
    class ByHeader(IdentifierHashAuthentication):
        def get_inbox_identifier(self, request):
            return request.headers["x-inbox"]

    class View(HostView):
        authentication_classes = [ByHeader]

        def get(self, request):
            return Response({"inbox": request.auth.inbox.pk})

    request = rf.get("/", signed(inbox, "user-7"), headers={"x-inbox": inbox.identifier})
    assert View.as_view()(request).data == {"inbox": inbox.pk}


def test_visitors_are_the_same_only_by_inbox_and_identifier(inbox):
    other = InboxFactory()
    ada, again, bob = (Visitor(Identity(inbox, identifier)) for identifier in ("ada", "ada", "bob"))

    assert ada == again
    assert {ada: "hers"}[again] == "hers"
    assert ada not in {bob, Visitor(Identity(other, "ada")), AnonymousUser(), ada.pk}


@pytest.mark.parametrize(
    "identifier", ["unknown", "\x00", "\ud800", "x" * 300], ids=["text", "nul", "surrogate", "long"]
)
def test_an_unknown_inbox_is_not_found_in_a_view_of_the_host(rf, inbox, identifier):
    inbox.identifier = identifier

    assert call(rf, inbox).status_code == 404


class StaffViewSet(PublicViewSet):
    """A call of a host's own, on the class that ours stand on."""

    permission_classes = [IsAdminUser]

    def retrieve(self, request):
        return Response({"told": "everything"})


def test_a_public_view_heeds_the_permissions_that_it_names():
    response = StaffViewSet.as_view({"get": "retrieve"})(APIRequestFactory().get("/"))

    assert response.status_code == 403
    assert b"everything" not in response.content
