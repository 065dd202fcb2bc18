"""Which addresses a picture may come from, as far as their text tells: where names lead is seen when connecting."""

import re
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

import idna
from django.core.exceptions import ValidationError

from inboxes.conf import conf

from .avatar_reasons import AvatarRefused
from .validators import validate_avatar_url

MAX_LENGTH = 2048
PORTS = (None, 80, 443)
LOOPBACK_NAMES = ("127.0.0.1", "::1", "localhost")
NUMBER = re.compile(r"[0-9]+|0[Xx][0-9A-Fa-f]*")


def check_address(url: str) -> None:
    """Raise ``AvatarRefused`` unless ``url`` is one of http or https, port 80 or 443, with no user in it.

    An IPv4 address is written as four decimal numbers; the other spellings are there to get past somebody.
    """
    try:
        validate_avatar_url(url)
        parts = urlsplit(url)
        host, port = _ascii(parts.hostname or ""), parts.port
    except (ValidationError, ValueError):
        raise AvatarRefused("address") from None
    any_port = conf.INQUIRLY_AVATAR_ALLOW_LOOPBACK and host in LOOPBACK_NAMES
    if len(url) > MAX_LENGTH or "@" in parts.netloc or (port not in PORTS and not any_port):
        raise AvatarRefused("address")
    if NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) and not _is_ipv4(host):
        raise AvatarRefused("address")


def _ascii(host: str) -> str:
    """Return ``host`` as it is looked up: other dots and digits than those of ASCII become these."""
    if host.isascii():
        return host
    return idna.encode(host, uts46=True).decode()


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
