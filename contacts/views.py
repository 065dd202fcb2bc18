import re
from typing import Any, cast

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from inboxes.authentication import IdentifierHashAuthentication, get_inbox
from inboxes.headers import IDEMPOTENCY_KEY
from inboxes.identity import Identity, require_signed
from inboxes.models import Inbox
from inboxes.views import PublicViewSet

from . import idempotency, identify
from .models import ContactInbox
from .schema import describe_contacts
from .serializers import ContactInboxSerializer, ContactSerializer

VISIBLE = re.compile(r"[!-~]{1,255}")


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

    def create(self, request: Request, inbox_identifier: str) -> Response:
        inbox, key, signed = self.inbox, idempotency_key(request), self.identity is not None
        fields = self.validated(ContactSerializer)

        def open_session() -> tuple[ContactInbox, Any]:
            contact_inbox = identify.create(inbox, fields, signed=signed)
            return contact_inbox, self.answer(ContactInboxSerializer, contact_inbox).data

        if key is None:
            return Response(open_session()[1])
        require_signed(inbox, signed=signed)
        return Response(idempotency.once(inbox, key, request.data, open_session))

    def retrieve(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        identifier = self.identity.identifier if self.identity else None
        contact_inbox = identify.retrieve(self.inbox, source_id, identifier=identifier)
        return self.answer(ContactInboxSerializer, contact_inbox)

    def partial_update(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        fields = self.validated(ContactSerializer)
        contact_inbox = identify.update(self.inbox, source_id, fields, signed=self.identity is not None)
        return self.answer(ContactInboxSerializer, contact_inbox)

    def update(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        """PUT does what PATCH does."""
        return self.partial_update(request, inbox_identifier, source_id)


def idempotency_key(request: Request) -> str | None:
    """Return the client's name for this request, None when there is none; raises ``ParseError``."""
    key: str | None = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not VISIBLE.fullmatch(key):
        raise ParseError(_("The Idempotency-Key has to be 1 to 255 visible ASCII characters, without spaces."))
    return key
