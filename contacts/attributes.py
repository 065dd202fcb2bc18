"""Custom attributes: how two objects become one, and how large one may be."""

import json
from copy import deepcopy
from decimal import Decimal
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from inboxes.strict_json import INTEGERS

MAX_KEYS = 200
MAX_DEPTH = 5
MAX_KEY_LENGTH = 100
MAX_BYTES = 32 * 1024


Attributes = dict[str, Any]


class AttributesDecoder(json.JSONDecoder):
    """Reads the same numbers from every database: PostgreSQL writes 1e20 as 100000000000000000000, and has no -0.0."""

    def __init__(self) -> None:
        super().__init__(parse_int=_number, parse_float=_number)


def _number(text: str) -> int | float:
    number = int(text) if text.lstrip("-").isdigit() else float(text)
    if isinstance(number, float) and number.is_integer() and abs(number) >= 1e16:
        written = int(Decimal(repr(number)))  # the fewest digits that mean it, as PostgreSQL writes them
        if written in INTEGERS:
            return written
    return number if isinstance(number, int) and number in INTEGERS else number + 0.0


def as_stored(sent: Attributes) -> Attributes:
    """Return what was ``sent`` as it comes back from the database."""
    return cast(Attributes, json.loads(json.dumps(sent), cls=AttributesDecoder))


def merged(stored: Attributes, sent: Attributes) -> Attributes:
    """Return ``stored`` with ``sent`` on top: objects merge deeply, null removes a key, the rest is replaced."""
    result = dict(stored)
    for key, value in sent.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = value
    return result


def filled(base: Attributes, mergee: Attributes) -> Attributes:
    """Return ``base`` with what only ``mergee`` has, however deep.

    Where all of it together is too large, the keys of ``mergee`` that no longer fit are left out:
    a sign-in must not fail for what a visitor stored before.
    """
    result = deepcopy(base)
    _fill_what_fits(result, result, mergee)
    return result


def _fill_what_fits(whole: Attributes, base: Attributes, mergee: Attributes) -> None:
    """Add to ``base``, which lies in ``whole``, each key that only ``mergee`` has, unless ``whole`` gets too large.

    The keys come in their own order: databases do not keep that in which they were sent.
    """
    for key, value in sorted(mergee.items()):
        if key not in base:
            base[key] = value
            if not _fits(whole):
                del base[key]
        elif isinstance(base[key], dict) and isinstance(value, dict):
            _fill_what_fits(whole, base[key], value)


def validate_custom_attributes(value: Any) -> None:
    """Raise ``ValidationError`` when ``value`` is no object or holds more than a contact may.

    The limits: ``MAX_KEYS`` keys in all, objects and lists ``MAX_DEPTH`` deep (the outermost object is the first
    level), ``MAX_KEY_LENGTH`` characters a key, ``MAX_BYTES`` bytes as JSON in UTF-8 without spaces.
    """
    if not isinstance(value, dict):
        raise ValidationError(_("Send an object."), "invalid")
    keys = _keys(value)
    if any(len(key) > MAX_KEY_LENGTH for key in keys):
        raise ValidationError(_("A key has at most %(max)d characters."), "key_too_long", {"max": MAX_KEY_LENGTH})
    if len(keys) > MAX_KEYS:
        raise ValidationError(_("Send at most %(max)d keys in all."), "too_many_keys", {"max": MAX_KEYS})
    if _size(value) > MAX_BYTES:
        raise ValidationError(_("Send at most %(max)d bytes."), "too_large", {"max": MAX_BYTES})


def _size(value: Attributes) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _keys(value: Attributes) -> list[str]:
    """Return every key of ``value`` and of what lies in it, level by level; never deeper than allowed."""
    keys: list[str] = []
    level: list[Any] = [value]
    for _depth in range(MAX_DEPTH):
        keys += [key for container in level if isinstance(container, dict) for key in container]
        below = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        level = [part for part in below if isinstance(part, dict | list)]
    if level:
        raise ValidationError(_("Nest at most %(max)d levels."), "too_deep", {"max": MAX_DEPTH})
    return keys


def _fits(value: Attributes) -> bool:
    try:
        validate_custom_attributes(value)
    except ValidationError:
        return False
    return True
