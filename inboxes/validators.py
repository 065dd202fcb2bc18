"""What staff may write into the fields of an inbox."""

import re
import zoneinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .tokens import default_working_hours

ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[1-9][0-9]{0,4})?")
LEFT_OUT = {"https": (":443/", ":443", "/"), "http": (":80/", ":80", "/")}  # by browsers, by scheme
HOURS = ("open_hour", "open_minutes", "close_hour", "close_minutes")


def validate_timezone(value: str) -> None:
    """Refuse what is no name of the time zone database."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError(_("%(value)s is not a time zone: write one like Europe/Berlin."), params={"value": value})


def validate_allowed_origins(value: Any) -> None:
    """Refuse what no browser would send in ``Origin``: paths, capital letters, trailing slashes, the usual port."""
    if not isinstance(value, list):
        raise ValidationError(_('Write a list of origins, like ["https://www.example.com"].'))
    for origin in value:
        text = origin if isinstance(origin, str) else ""
        for end in LEFT_OUT.get(text.partition(":")[0], ()):
            if text.endswith(end) and ORIGIN.fullmatch(text.removesuffix(end)):
                raise ValidationError(
                    _("%(origin)s is not an origin: leave out “%(end)s” at its end."),
                    params={"origin": text, "end": end},
                )
        if not ORIGIN.fullmatch(text):
            raise ValidationError(
                _("%(origin)s is not an origin: write scheme and host in lower case, like https://www.example.com."),
                params={"origin": origin},
            )


def validate_working_hours(value: Any) -> None:
    """Refuse all but seven rows, Sunday to Saturday, in the form that the wire gives."""
    if not isinstance(value, list) or len(value) != 7:
        raise ValidationError(_("Write seven rows, one for each day, Sunday first."))
    for day, (row, example) in enumerate(zip(value, default_working_hours(), strict=True)):
        if not isinstance(row, dict) or row.keys() != example.keys() or row["day_of_week"] != day:
            raise ValidationError(
                _("Row %(day)d needs day_of_week %(day)d and these keys: %(keys)s."),
                params={"day": day, "keys": ", ".join(example)},
            )
        if not _is_working_day(row):
            raise ValidationError(
                _("Row %(day)d: write whole hours (0 to 23) and minutes (0 to 59), or null if closed or open all day."),
                params={"day": day},
            )


def _is_working_day(row: dict[str, Any]) -> bool:
    flags = row["closed_all_day"], row["open_all_day"]
    if not all(isinstance(flag, bool) for flag in flags) or all(flags):
        return False
    times = [row[key] for key in HOURS]
    if any(flags) and times == [None] * 4:
        return True
    return all(
        type(time) is int and 0 <= time <= (23 if key.endswith("hour") else 59)
        for key, time in zip(HOURS, times, strict=True)
    )
