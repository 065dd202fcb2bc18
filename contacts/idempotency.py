"""A create that is sent again is answered as it was at first, and makes nothing more.

The answer is kept as it was given and not made anew from its session: a sign-in gives the session other tokens, and who
knows the visitor's first call must not get these.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from inboxes.models import Inbox
from inboxes.refusals import KeyInFlight, KeyReused

from . import sessions
from .identify import ContactBlocked
from .models import ContactInbox, IdempotencyKey

Answer = dict[str, Any]

KEPT = timedelta(hours=24)
BATCH = 5_000


@sessions.repeated
def once(inbox: Inbox, key: str, body: Mapping[str, Any], create: Callable[[], tuple[ContactInbox, Answer]]) -> Answer:
    """Return the answer to the first call with this ``key``, which may be this one: then ``create`` makes it.

    What ``create`` raises is not kept. Raises ``KeyReused`` when the first call had another body, ``KeyInFlight`` while
    it is under way, ``ContactBlocked`` when its contact has been blocked since.
    """
    fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        _lock(inbox, key)
        found = IdempotencyKey.objects.filter(inbox=inbox, key=key).select_related("contact_inbox__contact").first()
        row = found or IdempotencyKey(inbox=inbox, key=key)
        if row.pk and timezone.now() < row.created_at + KEPT:
            return _again(row, fingerprint)
        if row.pk:  # the inbox before its keys, as a deletion takes them: they must not wait for each other
            Inbox.objects.select_for_update(no_key=True).get(pk=inbox.pk)
        row.contact_inbox, answer = create()
        row.fingerprint, row.answer, row.created_at = fingerprint, json.dumps(answer), timezone.now()
        row.save()
        return answer


def _again(row: IdempotencyKey, fingerprint: str) -> Answer:
    if row.fingerprint != fingerprint:
        raise KeyReused
    if row.contact_inbox.contact.blocked:
        raise ContactBlocked
    return cast(Answer, json.loads(row.answer))


def _lock(inbox: Inbox, key: str) -> None:
    """Let no other transaction use the key until this one ends, however that happens.

    PostgreSQL is asked for a lock, and raises ``KeyInFlight`` when another transaction has it. On SQLite there is
    one writer at a time: whoever comes second has waited when this transaction began.
    """
    if connection.vendor != "postgresql":
        return
    number = hashlib.sha256(f"inquirly {inbox.pk} {key}".encode()).digest()[:8]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(number, signed=True)])
        if cursor.fetchone() != (True,):
            raise KeyInFlight


def prune() -> Iterator[int]:
    """Delete what is no longer kept, a batch in each transaction; yields how many rows each batch had."""
    expired = IdempotencyKey.objects.filter(created_at__lte=timezone.now() - KEPT)
    while deleted := _delete_batch(expired):
        yield deleted


def _delete_batch(expired: QuerySet[IdempotencyKey]) -> int:
    with transaction.atomic():
        # Rows that somebody is changing are left for the next time: waiting for them could end in a deadlock.
        batch = expired.select_for_update(skip_locked=True).order_by("created_at").values_list("pk", flat=True)[:BATCH]
        return IdempotencyKey.objects.filter(pk__in=list(batch)).delete()[0]
