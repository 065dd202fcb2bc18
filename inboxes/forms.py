"""Forms of the admin that leave alone what they do not change."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class ChangedFieldsForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's forms take no parameter at run time
    """Tells what staff changed from what a call of the API changed while they looked at the page.

    The page carries the values that it showed. A field left as shown keeps the value it has by now; one that both
    changed is refused, so that nothing is overwritten unseen.
    """

    # Fields of the model that change with any other.
    changed_along: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            sent = not self.is_bound or self.add_initial_prefix(name) in self.data
            field.show_hidden_initial = sent and self.instance.pk is not None

    def clean(self) -> dict[str, Any]:
        for name in self._stored() if self.instance.pk else ():
            if name not in self.changed_data:
                self.cleaned_data[name] = getattr(self.instance, name)
            elif self.cleaned_data[name] != getattr(self.instance, name) and self._changed_meanwhile(name):
                self.add_error(
                    name, _("This has changed since the page was opened. Open the page again, and repeat your change.")
                )
        return self.cleaned_data

    def _changed_meanwhile(self, name: str) -> bool:
        field, shown = self.fields[name], self.data.get(self.add_initial_prefix(name))
        return field.show_hidden_initial and field.has_changed(self.initial.get(name), shown)

    def _stored(self) -> list[str]:
        """Return the names of what was sent and the model has: a host may add fields that it has not."""
        return [name for name in self.cleaned_data if hasattr(self.instance, name)]

    @property
    def update_fields(self) -> list[str]:
        """The fields to save: those that staff changed, and those that change along."""
        fields = {field.name for field in self.instance._meta.concrete_fields}
        changed = [name for name in self.changed_data if name in fields]
        return [*changed, *self.changed_along] if changed else []


class OriginsField(forms.Field):
    """A list of texts, written one a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: str | None) -> list[str]:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class IndentedEncoder(json.JSONEncoder):
    """Writes JSON for people."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2})


class PatientDecoder(json.JSONDecoder):
    """Raises for every text that it cannot read, or nobody could show, the one error that forms expect."""

    def decode(self, s: str, *args: Any) -> Any:
        try:
            value = super().decode(s, *args)
            json.dumps(value, ensure_ascii=False).encode()  # raises for a lone surrogate
            return value
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), s, 0) from error


class InboxForm(ChangedFieldsForm):
    changed_along = ("updated_at",)

    allowed_origins = OriginsField(
        required=False,
        label=_("Allowed origins"),
        help_text=_(
            "Origins whose pages may read the answers, one a line, like https://www.example.com: scheme, host, and the "
            "port unless it is the usual one; no path, no slash at the end. Empty: any page."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        working_hours = self.fields.get("working_hours")
        if isinstance(working_hours, forms.JSONField):
            working_hours.encoder, working_hours.decoder = IndentedEncoder, PatientDecoder
