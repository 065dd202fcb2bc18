"""One JSON object that every database can hold alike, or nothing at all.

Refused: doubled keys, NaN and Infinity, numbers that overflow 64 bits, more than ``MAX_DEPTH`` levels, NUL
characters and lone surrogates, trailing data, everything that is no object.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from django.utils.translation import gettext as _

MAX_DEPTH = 32
INTEGERS = range(-(2**63), 2**63)


class NotStrict(ValueError):
    """Why a text is refused, for the person who sent it."""


def parse_object(text: str) -> dict[str, Any]:
    """Return the object that ``text`` holds; raises ``NotStrict``."""
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrict(_("The body is not valid JSON.")) from error
    if not isinstance(value, dict):
        raise NotStrict(_("The body has to be a JSON object."))
    _check_depth_and_text(value)
    return value


def _integer(text: str) -> int:
    number = int(text)
    if number not in INTEGERS:
        raise NotStrict(_("The body holds an integer of more than 64 bits."))
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotStrict(_("The body holds a number that is too large."))
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise NotStrict(_("NaN and Infinity are not JSON."))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise NotStrict(_("The body holds an object in which a key stands twice."))
    return value


def _check_depth_and_text(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _level in range(MAX_DEPTH):
        parts = [part for container in level for part in _parts(container)]
        for part in parts:
            if isinstance(part, str):
                _check_text(part)
        level = [part for part in parts if isinstance(part, dict | list)]
        if not level:
            return
    raise NotStrict(_("The body is nested too deeply."))


def _parts(container: Any) -> Iterable[Any]:
    return (*container, *container.values()) if isinstance(container, dict) else container


def is_storable(text: str) -> bool:
    """Return whether databases store ``text``: it holds no NUL, and UTF-8 can say it."""
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def _check_text(text: str) -> None:
    if not is_storable(text):
        raise NotStrict(_("The body holds a text with a NUL character or a lone surrogate."))
