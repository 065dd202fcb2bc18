import re
from typing import Any, cast

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from inboxes.authentication import IdentifierHashAuthentication, get_inbox
from inboxes.headers import IDEMPOTENCY_KEY_PATTERN
from inboxes.identity import Identity, require_signed
from inboxes.models import Inbox
from inboxes.views import PublicViewSet, json_response, shared

from . import idempotency, identify
from .models import ContactInbox
from .schema import describe_contacts
from .serializers import ContactInboxSerializer, ContactSerializer


@describe_contacts
class ContactViewSet(PublicViewSet):
    """The contact of one session of an inbox: create, read, update."""

    authentication_classes = [IdentifierHashAuthentication]

    @property
    def inbox(self) -> Inbox:
        return get_inbox(self.request._request, self.kwargs["inbox_identifier"])

    @property
    def identity(self) -> Identity | None:
        """Who signed the request, if anybody did."""
        return cast(Identity | None, self.request.auth)

    def validated(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        require_signed(self.inbox, signed=self.identity is not None)  # before anything is told of the fields
        return super().validated(serializer_class)

    def create(self, request: Request, inbox_identifier: str) -> HttpResponse:
        inbox, signed = self.inbox, self.identity is not None
        fields, key = self.validated(ContactSerializer), idempotency_key(request)

        def open_session() -> tuple[ContactInbox, Any]:
            contact_inbox = identify.create(inbox, fields, signed=signed)
            return contact_inbox, shared(ContactInboxSerializer).to_representation(contact_inbox)

        if key is None:
            return json_response(open_session()[1])
        return json_response(idempotency.once(inbox, key, request.data, open_session))

    def retrieve(self, request: Request, inbox_identifier: str, source_id: str) -> HttpResponse:
        identifier = self.identity.identifier if self.identity else None
        contact_inbox = identify.retrieve(self.inbox, source_id, identifier=identifier)
        return self.answer(ContactInboxSerializer, contact_inbox)

    def partial_update(self, request: Request, inbox_identifier: str, source_id: str) -> HttpResponse:
        fields = self.validated(ContactSerializer)
        contact_inbox = identify.update(self.inbox, source_id, fields, signed=self.identity is not None)
        return self.answer(ContactInboxSerializer, contact_inbox)

    def update(self, request: Request, inbox_identifier: str, source_id: str) -> HttpResponse:
        """PUT does what PATCH does."""
        return self.partial_update(request, inbox_identifier, source_id)


def idempotency_key(request: Request) -> str | None:
    """Return the client's name for this request, None when there is none; raises ``ParseError``."""
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY_PATTERN, key):
        raise ParseError(_("The Idempotency-Key has to be 1 to 255 visible ASCII characters, without spaces."))
    return key
