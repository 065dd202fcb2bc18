"""How often one address may call one inbox, counted in the cache: exact wherever its ``incr`` is atomic."""

import ipaddress
import logging
import re
import time

from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from .conf import conf

# Some proxies name the port too: 192.0.2.1:443 or [2001:db8::1]:443.
WITH_PORT = re.compile(r"\[([^]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")

logger = logging.getLogger(__name__)


class InboxThrottle(BaseThrottle):
    """Counts creates, and all other calls together, by inbox and client address."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = "create" if request.method == "POST" else "other"
        self.seconds = count(scope, request, view.kwargs.get("inbox_identifier", ""))
        return self.seconds is None

    def wait(self) -> float | None:
        return self.seconds


def count(scope: str, request: HttpRequest | Request, inbox_identifier: str) -> int | None:
    """Count a call. Return None when it is within the rate of its scope, else the seconds to wait."""
    return _check(scope, request, inbox_identifier, add=1)


def check(scope: str, request: HttpRequest | Request, inbox_identifier: str) -> int | None:
    """Return the seconds to wait when the rate of ``scope`` is used up, else None; count nothing."""
    return _check(scope, request, inbox_identifier, add=0)


def _check(scope: str, request: HttpRequest | Request, inbox_identifier: str, *, add: int) -> int | None:
    rate = conf.INQUIRLY_THROTTLE_RATES[scope]
    if rate is None:
        return None
    limit, period = rate
    window, elapsed = divmod(int(time.time()), period)
    key = f"inquirly:{scope}:{inbox_identifier}:{client_address(request)}:{window}"
    try:
        used = _increment(key, period) if add else cache.get(key, 0) + 1
    except Exception as error:  # noqa: BLE001 (each cache has errors of its own; without it, calls are served)
        logger.warning("Calls are not counted: the cache did not answer (%s)", type(error).__name__)
        return None
    return period - elapsed if used > limit else None


def _increment(key: str, seconds: int) -> int:
    cache.add(key, 0, timeout=seconds)
    try:
        return cache.incr(key)
    except ValueError:  # the key ended between the two lines
        return 1


def client_address(request: HttpRequest | Request) -> str:
    """Return whom a call is counted for: an IPv4 address, or the /64 network of an IPv6 one.

    X-Forwarded-For is believed only as far as ``INQUIRLY_TRUSTED_PROXIES`` says.
    """
    proxies = conf.INQUIRLY_TRUSTED_PROXIES
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").replace(",", " ").split()
    trusted = proxies > 0 and len(hops) >= proxies
    text = hops[-proxies] if trusted else request.META.get("REMOTE_ADDR", "")
    if with_port := WITH_PORT.fullmatch(text):
        text = with_port[1] or with_port[2]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
