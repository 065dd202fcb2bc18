from typing import Any, cast

from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from inboxes.identity import identifier_text

from .attributes import MAX_BYTES, MAX_DEPTH, MAX_KEY_LENGTH, MAX_KEYS, as_stored, merged, validate_custom_attributes
from .models import ContactInbox
from .validators import (
    IDENTIFIER,
    PHONE_NUMBER_AS_SENT,
    normalize_email,
    normalize_phone_number,
    validate_avatar_url,
    validate_email_characters,
    validate_identifier,
    validate_no_control_characters,
    validate_phone_number,
)

REFUSED_BY_THE_PARSER = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)


class TextField(serializers.CharField):
    """Text, kept as it was sent: DRF would trim it, and take numbers for text."""

    def __init__(self, *, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, required=False, allow_null=True, allow_blank=True, **kwargs)
        # The parser has refused NUL and surrogates already; DRF would look at each character again.
        self.validators = [one for one in self.validators if not isinstance(one, REFUSED_BY_THE_PARSER)]
        if max_length is not None:
            # DRF's own would keep its message in the language of whoever is refused first.
            self.validators.append(MaxLengthValidator(max_length))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


# Numbers are taken too, and "" for no attributes; but of a choice of types, generators of clients make classes that can
# hold nothing.
@extend_schema_field({"type": "string", "maxLength": 255, "pattern": f"^{IDENTIFIER}$"})
class IdentifierField(TextField):
    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(identifier_text(data))


class EmailField(TextField, serializers.EmailField):
    def to_internal_value(self, data: Any) -> str:
        return normalize_email(super().to_internal_value(data))


@extend_schema_field({"type": "string", "pattern": f"^{PHONE_NUMBER_AS_SENT}$"})
class PhoneNumberField(TextField):
    def to_internal_value(self, data: Any) -> str:
        return normalize_phone_number(super().to_internal_value(data))


@extend_schema_field({"type": "object", "additionalProperties": {}})
class CustomAttributesField(serializers.Field[dict[str, Any], Any, Any, Any]):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        sent = as_stored(data) if isinstance(data, dict) else data
        # What null removes does not count against the limits.
        validate_custom_attributes(merged({}, sent) if isinstance(sent, dict) else sent)
        return cast(dict[str, Any], sent)


@extend_schema_serializer(component_name="ContactFields")
class ContactSerializer(serializers.Serializer[Any]):
    """What a client may send of a contact. Null and "" count as not sent; unknown keys are ignored."""

    identifier = IdentifierField(
        max_length=255,
        validators=[validate_identifier],
        help_text=_("Your own system's id of this person; an integer is taken as its decimal text."),
    )
    identifier_hash = TextField(
        help_text=_(
            "The signature: HMAC-SHA256 of the UTF-8 bytes of identifier, keyed with the hmac_token of the inbox, "
            "as 64 lower-case hexadecimal digits. Make it on your server: whoever has the key can speak as anybody."
        )
    )
    name = TextField(max_length=255, validators=[validate_no_control_characters])
    email = EmailField(max_length=254, validators=[validate_email_characters], help_text=_("Stored in lower case."))
    phone_number = PhoneNumberField(
        validators=[validate_phone_number],
        help_text=_("With its country code. Spaces, dots, dashes and brackets are removed."),
    )
    avatar_url = TextField(
        max_length=2048, validators=[validate_avatar_url], help_text=_("Address of a picture, http or https.")
    )
    custom_attributes = CustomAttributesField(
        required=False,
        allow_null=True,
        help_text=format_lazy(
            _(
                "What else you know. It is merged into what is stored: objects deeply, lists are replaced, null "
                "removes a key. Stored are at most {keys} keys in all, {depth} levels, {length} characters a key and "
                "{bytes} bytes as JSON; integers fit 64 bits, text holds no NUL."
            ),
            keys=MAX_KEYS,
            depth=MAX_DEPTH,
            length=MAX_KEY_LENGTH,
            bytes=MAX_BYTES,
        ),
    )

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        # The hash has been checked already, before anything else was looked at.
        sent = {key: value for key, value in data.items() if value not in (None, "") and key != "identifier_hash"}
        return cast(dict[str, Any], super().to_internal_value(sent))


@extend_schema_serializer(component_name="PublicContact")
class ContactInboxSerializer(serializers.Serializer[ContactInbox]):
    """The public contact: what its own session may know of it."""

    id = serializers.IntegerField(source="contact_id", read_only=True, min_value=1, max_value=2**63 - 1)
    source_id = serializers.CharField(
        read_only=True, help_text=_("Secret of the client: whoever has it can read and change the contact.")
    )
    pubsub_token = serializers.CharField(read_only=True, help_text=_("Secret of the client: it opens the websocket."))
    name = serializers.CharField(source="contact.name", read_only=True, help_text=_('"" when unknown.'))
    email = serializers.SerializerMethodField()
    phone_number = serializers.SerializerMethodField()

    def get_email(self, contact_inbox: ContactInbox) -> str | None:
        return contact_inbox.contact.email or None

    def get_phone_number(self, contact_inbox: ContactInbox) -> str | None:
        return contact_inbox.contact.phone_number or None


class StreamedContactSerializer(ContactInboxSerializer):
    """The public contact in an event: whoever hears it has the token."""

    pubsub_token = None  # type: ignore[assignment]
