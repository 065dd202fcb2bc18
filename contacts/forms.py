"""The form in which staff write a contact: under the rules that hold for clients too."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from inboxes.forms import ChangedFieldsForm, IndentedEncoder
from inboxes.strict_json import NotStrict, parse_object

from .attributes import merged
from .models import Contact
from .validators import normalize_email, normalize_phone_number


class ExactField(forms.CharField):
    """Text that is kept as it is written: Django would trim it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False})


class EmailField(forms.CharField):
    def to_python(self, value: Any) -> str:
        return normalize_email(super().to_python(value) or "")


class PhoneNumberField(forms.CharField):
    """A number as people write it; how long it may be is a matter of its digits."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return normalize_phone_number(super().to_python(value) or "")


class StrictJSONDecoder(json.JSONDecoder):
    """Reads what a client may send too, and raises for all else the one error that forms expect."""

    def decode(self, s: str, *args: Any) -> dict[str, Any]:
        try:
            return parse_object(s)
        except NotStrict as error:
            raise json.JSONDecodeError(str(error), s, 0) from error


class AttributesField(forms.JSONField):
    """An object; an empty one where nothing is written."""

    default_error_messages = {
        "invalid": _("Write a JSON object: each key once, no NaN, no NUL characters, integers of at most 64 bits.")
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "encoder": IndentedEncoder, "decoder": StrictJSONDecoder})

    def to_python(self, value: Any) -> Any:
        return merged({}, super().to_python(value) or {})  # as in a call, null stands for no value


class ContactForm(ChangedFieldsForm):
    changed_along = ("updated_at",)

    class Meta:
        model = Contact
        fields = "__all__"
        field_classes = {
            "identifier": ExactField,
            "name": ExactField,
            "email": EmailField,
            "phone_number": PhoneNumberField,
            "custom_attributes": AttributesField,
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        account = cleaned.get("account") or (self.instance.account if self.instance.pk else None)
        identifier = cleaned.get("identifier")
        if identifier and account:
            same = Contact.objects.filter(account=account, identifier=identifier)
            if same.exclude(pk=self.instance.pk).exists():
                raise ValidationError({"identifier": _("Another contact of this account has this identifier.")})
        return cleaned

    @property
    def update_fields(self) -> list[str]:
        # The model takes the claim away from a contact that becomes verified.
        claim = ["claimed_identifier", "claim_shared"] if "identifier" in self.changed_data else []
        return [*super().update_fields, *claim]
