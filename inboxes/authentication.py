"""Authentication of a visitor by the hash of their identifier."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import DataError
from django.http import Http404, HttpRequest, QueryDict
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, ParseError, Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from . import identity, known, throttling
from .models import Inbox


class Visitor(AnonymousUser):
    """``request.user`` of a signed request: the holder of an identifier, no user of the host project.

    Like Django's ``AnonymousUser`` it has no permissions. Its ``pk`` is unlike any user's.
    """

    is_authenticated = True  # type: ignore[assignment]
    is_anonymous = False  # type: ignore[assignment]
    is_active = True  # type: ignore[assignment]

    def __init__(self, verified: identity.Identity) -> None:
        self.identifier = verified.identifier
        self.pk = f"{verified.inbox.identifier}:{verified.identifier}"  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Visitor) and self.pk == other.pk

    def __hash__(self) -> int:
        return hash(self.pk)

    def __str__(self) -> str:
        return self.identifier


class IdentifierHashAuthentication(BaseAuthentication):
    """Checks ``identifier_hash`` against ``identifier`` and the keys of the inbox that the URL names.

    Both come in the body, or as query parameters of a GET. Of a signed request, ``request.user`` becomes a ``Visitor``
    and ``request.auth`` an ``Identity``, each with the ``identifier``. A request without hash is not authenticated:
    the next authentication class has its turn, and ``request.auth`` may stay None. A wrong hash is 401, an unknown
    inbox 404.

    For a view of your own: give its URL an ``inbox_identifier``, or override ``get_inbox_identifier``. With DRF's
    ``IsAuthenticated`` it then takes signed requests only.
    """

    def authenticate(self, request: Request) -> tuple[Visitor, identity.Identity] | None:
        inbox = get_inbox(request._request, self.get_inbox_identifier(request))
        sent = self.get_parameters(request)
        proof = sent.get("identifier_hash")
        if identity.is_blank(proof):
            return None
        verified = self.verify(request, inbox, sent.get("identifier"), proof)
        return Visitor(verified), verified

    def authenticate_header(self, request: Request) -> str:
        return "IdentifierHash"

    def get_inbox_identifier(self, request: Request) -> str:
        return str(request.parser_context["kwargs"]["inbox_identifier"])

    def get_parameters(self, request: Request) -> Mapping[str, Any]:
        if request.method in SAFE_METHODS:
            query = request.META.get("QUERY_STRING")
            if not query:  # most have none, and Django takes its time to find out
                return {}
            # As UTF-8, whatever DEFAULT_CHARSET and Content-Type say: another charset could make the hash unseen.
            return QueryDict(query.encode("latin-1") if hasattr(request, "environ") else query, encoding="utf-8")
        sent = request.data
        if not isinstance(sent, Mapping):
            raise ParseError(_("The body has to be an object."))
        return sent

    def verify(self, request: Request, inbox: Inbox, identifier: object, proof: object) -> identity.Identity:
        """Return the proven identity. Once the rate of failed hashes is used up, none is looked at."""
        if wait := throttling.check("failed", request, inbox.identifier):
            raise Throttled(wait)
        try:
            return identity.verify(inbox, identifier, proof)
        except identity.IdentityRejected as error:
            if wait := throttling.count("failed", request, inbox.identifier):
                raise Throttled(wait) from error
            raise AuthenticationFailed from error


def get_inbox(request: HttpRequest, identifier: str) -> Inbox:
    """Return the inbox that ``request`` speaks through, for reading only; raises ``Http404`` for an unknown one."""
    inbox: Inbox | None = getattr(request, "inquirly_inbox", None)
    if inbox is None or inbox.identifier != identifier:
        try:
            inbox = known.get(identifier)
        except (Inbox.DoesNotExist, DataError, ValueError) as error:  # NUL, or what is no UTF-8
            raise Http404 from error
        request.inquirly_inbox = inbox  # type: ignore[attr-defined]
    return inbox
