"""The three tables of the calls, with the constraints and indexes that ours have."""

import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone


def token() -> str:
    return secrets.token_urlsafe(24)


class Inbox(models.Model):
    account_id = models.BigIntegerField()
    name = models.CharField(max_length=255)
    identifier = models.CharField(max_length=64, unique=True)
    hmac_token = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    account_id = models.BigIntegerField(db_index=True)
    identifier = models.CharField(max_length=255, null=True)  # noqa: DJ001 (null may stand in many rows)
    name = models.CharField(max_length=255, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    phone_number = models.CharField(max_length=16, blank=True, default="")
    avatar_url = models.URLField(max_length=2048, blank=True, default="")
    custom_attributes = models.JSONField(default=dict, blank=True)
    blocked = models.BooleanField(default=False)
    last_activity_at = models.DateTimeField(auto_now=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identifier", "account_id"], name="textbook_contact_identifier"),
            models.CheckConstraint(condition=~Q(identifier=""), name="textbook_contact_identifier_filled"),
        ]
        indexes = [
            models.Index(fields=["email"], condition=~Q(email=""), name="textbook_contact_email"),
            models.Index(fields=["phone_number"], condition=~Q(phone_number=""), name="textbook_contact_phone"),
        ]

    def __str__(self) -> str:
        return self.name


class ContactInbox(models.Model):
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE)
    source_id = models.CharField(max_length=64, unique=True, default=token)
    pubsub_token = models.CharField(max_length=64, unique=True, default=token)
    hmac_verified = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.source_id
