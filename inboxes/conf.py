"""Inquirly's settings: one property for each, named as in the host's settings, read when used."""

import functools
import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

RATE = re.compile(r"([1-9][0-9]{0,8})/(s|sec|second|m|min|minute|h|hour|d|day)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
THROTTLE_RATES: dict[str, str | None] = {"create": "60/min", "other": "600/min", "failed": "30/min"}


class Conf:
    @property
    def INQUIRLY_THROTTLE_RATES(self) -> dict[str, tuple[int, int] | None]:
        """Calls and seconds by scope, None where it is off. A scope that the host leaves out keeps its default."""
        rates = getattr(settings, "INQUIRLY_THROTTLE_RATES", {})
        wrong = rates.keys() - THROTTLE_RATES.keys() if isinstance(rates, dict) else {repr(rates)}
        if wrong:
            raise ImproperlyConfigured(
                "INQUIRLY_THROTTLE_RATES has to be a dictionary with some of these keys: "
                f"{', '.join(THROTTLE_RATES)}; not {', '.join(sorted(map(str, wrong)))}."
            )
        return {scope: parse_rate(rate) for scope, rate in {**THROTTLE_RATES, **rates}.items()}

    @property
    def INQUIRLY_TRUSTED_PROXIES(self) -> int:
        """How many proxies stand before the site and add to X-Forwarded-For: 0, that header is not believed."""
        return whole_number("INQUIRLY_TRUSTED_PROXIES", 0, 0, "how many proxies stand before the site")

    @property
    def INQUIRLY_CABLE_MAX_FRAME(self) -> int:
        """The bytes that one frame from a socket may have."""
        meaning = "how many bytes a frame may have, at least 256: subscribing takes some 150"
        return whole_number("INQUIRLY_CABLE_MAX_FRAME", 8192, 256, meaning)

    @property
    def INQUIRLY_CABLE_FRAMES_PER_SECOND(self) -> int:
        """The frames that one socket may send in a second."""
        meaning = "how many frames a socket may send in a second, at least 1"
        return whole_number("INQUIRLY_CABLE_FRAMES_PER_SECOND", 20, 1, meaning)

    @property
    def INQUIRLY_CABLE_SOCKETS_PER_ADDRESS(self) -> int:
        """The sockets that one client address may hold open in each process."""
        meaning = "how many sockets one address may open in a process, at least 1"
        return whole_number("INQUIRLY_CABLE_SOCKETS_PER_ADDRESS", 1000, 1, meaning)

    @property
    def INQUIRLY_AVATAR_ALLOW_LOOPBACK(self) -> bool:
        """Whether pictures may come from this machine itself, from any port: for trying things out only."""
        allowed = getattr(settings, "INQUIRLY_AVATAR_ALLOW_LOOPBACK", False)
        if type(allowed) is not bool:
            raise ImproperlyConfigured(
                "INQUIRLY_AVATAR_ALLOW_LOOPBACK has to be True or False: whether pictures may come from this machine."
            )
        return allowed


def whole_number(name: str, default: int, least: int, meaning: str) -> int:
    number = getattr(settings, name, default)
    if type(number) is not int or number < least:
        raise ImproperlyConfigured(f"{name} has to be a whole number: {meaning}.")
    return number


def parse_rate(rate: Any) -> tuple[int, int] | None:
    """Return calls and seconds of a rate like ``"60/min"``; None stands for no limit."""
    if rate is None:
        return None
    found = _rate(rate) if isinstance(rate, str) else None
    if found is None:
        raise ImproperlyConfigured(
            f"INQUIRLY_THROTTLE_RATES holds {rate!r}: write a rate like '60/min' (s, min, h, d), or None for no limit."
        )
    return found


@functools.lru_cache  # it is asked by every call
def _rate(text: str) -> tuple[int, int] | None:
    match = RATE.fullmatch(text)
    return (int(match[1]), SECONDS[match[2][0]]) if match else None


conf = Conf()
NAMES = sorted(name for name in vars(Conf) if name.startswith("INQUIRLY_"))
