"""Who vouches for whom: the hash that proves an identifier, and the keys that it is made with."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from .models import Inbox
from .tokens import new_hmac_token

HMAC_TOKEN_OVERLAP = timedelta(days=7)
HMAC_TOKEN_FIELDS = ["hmac_token", "previous_hmac_token", "previous_hmac_token_valid_until", "updated_at"]


class IdentityRejected(Exception):
    """The request speaks for somebody without the proof that it takes."""


@dataclass(frozen=True)
class Identity:
    """Who speaks through ``inbox``: the holder of ``identifier``, proven.

    ``inbox`` is for reading only: other requests have the same instance.
    """

    inbox: Inbox
    identifier: str = field(repr=False)  # often an email


def identifier_hash(hmac_token: str, identifier: str) -> str:
    """Return the proof that the holder of ``hmac_token`` vouches for ``identifier``.

    It is the HMAC-SHA256 of the UTF-8 bytes of ``identifier`` keyed with those of
    ``hmac_token``, as 64 lower-case hexadecimal digits.

    >>> identifier_hash("key", "The quick brown fox jumps over the lazy dog")[:16]
    'f7bc83f430538424'

    Source: RFC 2104 (HMAC), FIPS 180-4 (SHA-256).
    """
    return hmac.digest(hmac_token.encode(), identifier.encode(), hashlib.sha256).hex()


def identifier_text(value: object) -> str | None:
    """Return an identifier as it is kept: text as it is, an integer as its decimal text, else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def is_blank(proof: object) -> bool:
    """Return whether a hash counts as not sent: it is null, empty or white space."""
    return proof is None or (isinstance(proof, str) and not proof.strip())


def verify(inbox: Inbox, identifier: object, proof: object) -> Identity:
    """Return the identity that the hash ``proof`` proves; both come as they were sent, of any type.

    The hash is compared, in constant time, with those of all keys that are valid now.

    Raises ``IdentityRejected`` when it is not one for this identifier with a key of ``inbox``.
    """
    text = identifier_text(identifier)
    if not text or not isinstance(proof, str) or not _matches(inbox, text, proof):
        raise IdentityRejected
    return Identity(inbox, text)


def _matches(inbox: Inbox, identifier: str, proof: str) -> bool:
    try:
        sent = proof.encode()
        expected = [identifier_hash(key, identifier).encode() for key in hmac_tokens(inbox)]
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 bytes that could be signed
        return False
    # All are compared, so that the time does not tell which key it was.
    return sum(hmac.compare_digest(one, sent) for one in expected) > 0


def hmac_tokens(inbox: Inbox) -> list[str]:
    """Return the keys of ``inbox`` that are valid now, the current one first."""
    until = inbox.previous_hmac_token_valid_until
    overlaps = inbox.previous_hmac_token and until is not None and timezone.now() < until
    return [inbox.hmac_token, inbox.previous_hmac_token] if overlaps else [inbox.hmac_token]


def require_signed(inbox: Inbox, *, signed: bool) -> None:
    """Raise ``IdentityRejected`` when ``inbox`` takes signed requests only and this one is not."""
    if inbox.hmac_mandatory and not signed:
        raise IdentityRejected


def rotate_hmac_token(inbox: Inbox, overlap: timedelta = HMAC_TOKEN_OVERLAP) -> None:
    """Give ``inbox`` a new key and keep the old one valid for ``overlap``; zero ends it at once."""
    with transaction.atomic():
        inbox.refresh_from_db(from_queryset=Inbox.objects.select_for_update())
        overlaps = overlap > timedelta(0)
        inbox.previous_hmac_token = inbox.hmac_token if overlaps else ""
        inbox.previous_hmac_token_valid_until = timezone.now() + overlap if overlaps else None
        inbox.hmac_token = new_hmac_token()
        inbox.save(update_fields=HMAC_TOKEN_FIELDS)


def revoke_previous_hmac_token(inbox: Inbox) -> None:
    """End the overlap now: hashes made with the previous key are wrong from here on."""
    inbox.previous_hmac_token = ""
    inbox.previous_hmac_token_valid_until = None
    inbox.save(update_fields=["previous_hmac_token", "previous_hmac_token_valid_until", "updated_at"])
