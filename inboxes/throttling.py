"""How often one address may call one inbox, counted in the cache: exact wherever its ``incr`` is atomic."""

import functools
import ipaddress
import re
import time
from contextlib import suppress
from typing import NamedTuple

from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from .cache_breaker import CacheBreaker
from .conf import conf

# Some proxies name the port too: 192.0.2.1:443 or [2001:db8::1]:443.
WITH_PORT = re.compile(r"\[([^]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
MAX_USED_UP = 10_000

_breaker = CacheBreaker()
# The keys of windows that have been used up, as far as this process has seen: it need not ask again.
_used_up: set[str] = set()


class InboxThrottle(BaseThrottle):
    """Counts creates, and all other calls together, by inbox and client address."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        http_request = request._request  # DRF's own looks each attribute up there, and takes its time
        scope = "create" if http_request.method == "POST" else "other"
        self.seconds = count(scope, http_request, view.kwargs.get("inbox_identifier", ""))
        return self.seconds is None

    def wait(self) -> float | None:
        return self.seconds


def count(scope: str, request: HttpRequest | Request, inbox_identifier: str) -> int | None:
    """Count a call. Return None when it is within the rate of its scope, else the seconds to wait."""
    window = _window(scope, request, inbox_identifier)
    if window is None:
        return None
    if window.key in _used_up:
        return window.left
    used = _breaker.call(lambda: _increment(window.key, window.seconds)) or 0
    if used >= window.limit:
        if len(_used_up) >= MAX_USED_UP:
            _used_up.clear()
        _used_up.add(window.key)
    return window.left if used > window.limit else None


def check(scope: str, request: HttpRequest | Request, inbox_identifier: str) -> int | None:
    """Return the seconds to wait when this process knows that the rate of ``scope`` is used up, else None."""
    window = _window(scope, request, inbox_identifier) if _used_up else None
    return window.left if window and window.key in _used_up else None


class Window(NamedTuple):
    """The time in which ``limit`` calls are allowed: it lasts ``seconds`` and ends when ``left`` have passed."""

    key: str
    limit: int
    seconds: int
    left: int


def _window(scope: str, request: HttpRequest | Request, inbox_identifier: str) -> Window | None:
    rate = conf.INQUIRLY_THROTTLE_RATES[scope]
    if rate is None:
        return None
    limit, seconds = rate
    number, elapsed = divmod(int(time.time()), seconds)
    key = f"inquirly:{scope}:{inbox_identifier}:{client_address(request)}:{number}"
    return Window(key, limit, seconds, seconds - elapsed)


def _increment(key: str, seconds: int) -> int:
    for _attempt in range(2):
        with suppress(ValueError):  # the key is not there yet: this call is the first of its window
            return cache.incr(key)
        cache.add(key, 0, timeout=seconds)
    return 1


def client_address(request: HttpRequest | Request) -> str:
    """Return whom a call is counted for: an IPv4 address, or the /64 network of an IPv6 one."""
    return counted_address(request.META.get("HTTP_X_FORWARDED_FOR", ""), request.META.get("REMOTE_ADDR", ""))


def counted_address(forwarded_for: str, peer: str) -> str:
    """Return whom a connection from ``peer``, with this X-Forwarded-For, is counted for; see ``client_address``.

    The header is believed only as far as ``INQUIRLY_TRUSTED_PROXIES`` says.
    """
    proxies = conf.INQUIRLY_TRUSTED_PROXIES
    hops = forwarded_for.replace(",", " ").split()
    trusted = proxies > 0 and len(hops) >= proxies
    return _counted_address(hops[-proxies] if trusted else peer)


@functools.lru_cache(maxsize=10_000)
def _counted_address(text: str) -> str:
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
