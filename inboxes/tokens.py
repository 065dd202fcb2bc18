"""The defaults of model fields. Migrations refer to them: their names and this path stay."""

import secrets

from django.utils.crypto import get_random_string

TOKEN_PATTERN = "[A-Za-z0-9_-]{1,64}"  # noqa: S105 (what identifiers, source ids and tokens of the wire look like)


def new_inbox_identifier() -> str:
    """Return 24 letters and digits (142 random bits); no dash, so that commands take it as it is."""
    return get_random_string(24)


def new_hmac_token() -> str:
    """Return a key of 256 random bits as 43 characters of ``A-Z a-z 0-9 _ -``."""
    return secrets.token_urlsafe(32)


def new_source_id() -> str:
    """Return 192 random bits as 32 characters of ``A-Z a-z 0-9 _ -``."""
    return secrets.token_urlsafe(24)


def new_pubsub_token() -> str:
    """Return 192 random bits as 32 characters of ``A-Z a-z 0-9 _ -``."""
    return secrets.token_urlsafe(24)


def default_working_hours() -> list[dict[str, int | bool | None]]:
    """Return seven rows, Sunday first: closed at the weekend, else open from 9:00 to 17:00."""
    return [_working_day(day, closed=day in (0, 6)) for day in range(7)]


def _working_day(day: int, *, closed: bool) -> dict[str, int | bool | None]:
    return {
        "day_of_week": day,
        "closed_all_day": closed,
        "open_hour": None if closed else 9,
        "open_minutes": None if closed else 0,
        "close_hour": None if closed else 17,
        "close_minutes": None if closed else 0,
        "open_all_day": False,
    }
