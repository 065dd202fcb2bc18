"""The calls as a good tutorial would write them: right, and with nothing done for speed."""

import hmac
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from .models import Contact, ContactInbox, Inbox
from .serializers import ContactInboxSerializer, ContactSerializer


def is_signed(inbox: Inbox, sent: Any) -> bool:
    expected = hmac.new(inbox.hmac_token.encode(), str(sent.get("identifier", "")).encode(), "sha256").hexdigest()
    return hmac.compare_digest(expected, str(sent.get("identifier_hash", "")))


class ContactViewSet(viewsets.ModelViewSet[ContactInbox]):
    serializer_class = ContactInboxSerializer
    lookup_field = "source_id"
    authentication_classes = []
    permission_classes = []

    def get_queryset(self) -> QuerySet[ContactInbox]:
        sessions = ContactInbox.objects.select_related("contact")
        return sessions.filter(inbox__identifier=self.kwargs["inbox_identifier"])

    def create(self, request: Request, inbox_identifier: str) -> Response:
        inbox = get_object_or_404(Inbox, identifier=inbox_identifier)
        if not is_signed(inbox, request.data):
            raise PermissionDenied
        serializer = ContactSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        with transaction.atomic():
            contact, created = Contact.objects.get_or_create(
                account_id=inbox.account_id, identifier=fields["identifier"], defaults=fields
            )
            if not created:
                serializer.update(contact, fields)
            contact_inbox = ContactInbox.objects.create(inbox=inbox, contact=contact, hmac_verified=True)
        return Response(self.get_serializer(contact_inbox).data)

    def partial_update(self, request: Request, inbox_identifier: str, source_id: str) -> Response:
        contact_inbox = self.get_object()
        serializer = ContactSerializer(contact_inbox.contact, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            serializer.save()
            contact_inbox.last_seen_at = timezone.now()
            contact_inbox.save()
        return Response(self.get_serializer(contact_inbox).data)
