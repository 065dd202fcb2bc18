from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from inboxes.authentication import IdentifierHashAuthentication, get_inbox
from inboxes.identity import Identity
from inboxes.models import Inbox
from inboxes.views import PublicViewSet

from . import identify
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

    def create(self, request: Request, inbox_identifier: str) -> Response:
        fields = self.validated(ContactSerializer)
        contact_inbox = identify.create(self.inbox, fields, signed=self.identity is not None)
        return Response(ContactInboxSerializer(contact_inbox).data)

    def retrieve(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        identifier = self.identity.identifier if self.identity else None
        contact_inbox = identify.retrieve(self.inbox, source_id, identifier=identifier)
        return Response(ContactInboxSerializer(contact_inbox).data)

    def partial_update(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        fields = self.validated(ContactSerializer)
        contact_inbox = identify.update(self.inbox, source_id, fields, signed=self.identity is not None)
        return Response(ContactInboxSerializer(contact_inbox).data)

    def update(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        """PUT does what PATCH does."""
        return self.partial_update(request, inbox_identifier, source_id)
