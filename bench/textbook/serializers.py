from rest_framework import serializers

from .models import Contact, ContactInbox


class ContactSerializer(serializers.ModelSerializer[Contact]):
    class Meta:
        model = Contact
        fields = ["identifier", "name", "email", "phone_number", "avatar_url", "custom_attributes"]


class ContactInboxSerializer(serializers.ModelSerializer[ContactInbox]):
    id = serializers.IntegerField(source="contact_id")
    name = serializers.CharField(source="contact.name")
    email = serializers.EmailField(source="contact.email")
    phone_number = serializers.CharField(source="contact.phone_number")

    class Meta:
        model = ContactInbox
        fields = ["id", "source_id", "pubsub_token", "name", "email", "phone_number"]
