"""Inquirly's settings: one property for each, named as in the host's settings, read when used."""

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

RATE = re.compile(r"([1-9][0-9]{0,8})/(s|sec|second|m|min|minute|h|hour|d|day)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
THROTTLE_RATES: dict[str, str | None] = {"create": "60/min", "other": "600/min", "failed": "30/min"}


class Conf:
    @property
    def INQUIRLY_THROTTLE_RATES(self) -> dict[str, tuple[int, int] | None]:  # noqa: N802 (a setting's name)
        """Calls and seconds by scope, None where it is off. A scope that the host leaves out keeps its default."""
        rates = getattr(settings, "INQUIRLY_THROTTLE_RATES", {})
        if not isinstance(rates, dict) or not rates.keys() <= THROTTLE_RATES.keys():
            raise ImproperlyConfigured(
                f"INQUIRLY_THROTTLE_RATES has to be a dictionary with some of these keys: {', '.join(THROTTLE_RATES)}."
            )
        return {scope: parse_rate(rate) for scope, rate in {**THROTTLE_RATES, **rates}.items()}

    @property
    def INQUIRLY_TRUSTED_PROXIES(self) -> int:  # noqa: N802 (a setting's name)
        """How many proxies stand before the site and add to X-Forwarded-For: 0, that header is not believed."""
        number = getattr(settings, "INQUIRLY_TRUSTED_PROXIES", 0)
        if type(number) is not int or number < 0:
            raise ImproperlyConfigured(
                "INQUIRLY_TRUSTED_PROXIES has to be a whole number: how many proxies stand before the site."
            )
        return number


def parse_rate(rate: Any) -> tuple[int, int] | None:
    """Return calls and seconds of a rate like ``"60/min"``; None stands for no limit."""
    if rate is None:
        return None
    match = RATE.fullmatch(rate) if isinstance(rate, str) else None
    if match is None:
        raise ImproperlyConfigured(
            f"INQUIRLY_THROTTLE_RATES holds {rate!r}: write a rate like '60/min' (s, min, h, d), or None for no limit."
        )
    return int(match[1]), SECONDS[match[2][0]]


conf = Conf()
NAMES = sorted(name for name in vars(Conf) if name.startswith("INQUIRLY_"))
