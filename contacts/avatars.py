"""Pictures of contacts: which are due, who takes one, what becomes of it.

A row is due from ``avatar_due_at`` on. Whoever takes it puts that time off by ``LEASE`` and writes down the name of the
file to come; only who still finds that name there may settle the row. So two workers never fetch one picture at once,
one that was overtaken changes nothing, and the row and the file of one that died are there for the next.
"""

import logging
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from . import extras
from .avatar_model import AvatarState
from .avatar_reasons import AvatarFailed, AvatarRefused
from .models import Contact

logger = logging.getLogger(__name__)

TRIES = 3
PAUSES = (timedelta(minutes=5), timedelta(hours=1))  # before the second and the third
LEASE = timedelta(minutes=2)


class NotInstalled(Exception):
    """The extra ``avatars`` is missing."""


class Taken(NamedTuple):
    contact_id: int
    url: str
    name: str
    tries: int


class Outcome(NamedTuple):
    """What became of a row; ``due_at`` says when to try again. A row that somebody else has changed is still due."""

    contact_id: int
    state: AvatarState
    due_at: datetime | None = None


def installed() -> bool:
    return extras.are_there(extras.AVATARS)


def due() -> QuerySet[Contact]:
    return Contact.objects.filter(avatar_due_at__lte=timezone.now())


def fetch_due(limit: int | None = None) -> Iterator[Outcome]:
    """Fetch what is due, the longest first, and at most ``limit``."""
    done = 0
    while (limit is None or done < limit) and (outcome := fetch()) is not None:
        yield outcome
        done += 1


def fetch(contact_id: int | None = None) -> Outcome | None:
    """Fetch the picture of one contact, or of who has been due the longest; return None when none is due.

    Raises ``NotInstalled``.
    """
    if not installed():
        raise NotInstalled
    taken = _take(contact_id)
    if taken is None:
        return None
    if not taken.url:
        return _settle(taken, AvatarState.NONE, avatar="")
    try:
        return _store(taken, _picture(taken))
    except AvatarRefused as refused:
        return _settle(taken, AvatarState.REFUSED, reason=refused.code, avatar="")
    except AvatarFailed as failed:
        next_try = timezone.now() + PAUSES[taken.tries - 1] if taken.tries < TRIES else None
        return _settle(taken, AvatarState.FAILED, reason=failed.code, due_at=next_try)


def again(contacts: QuerySet[Contact]) -> list[int]:
    """Make these due, with three new tries, but those that have no address or are being fetched; return their ids."""
    now = timezone.now()
    with transaction.atomic():
        found = contacts.exclude(avatar_url="").exclude(~Q(avatar_next="") & Q(avatar_due_at__gt=now))
        ids = list(found.select_for_update().order_by("pk").values_list("pk", flat=True))
        Contact.objects.filter(pk__in=ids).update(
            avatar_state=AvatarState.DUE, avatar_reason="", avatar_tries=0, avatar_due_at=now
        )
    return ids


def drop(contact_id: int) -> None:
    """Take the picture away from a contact that has no address any more."""
    with transaction.atomic():
        names = _files(Contact.objects.filter(pk=contact_id, avatar_url=""))
        Contact.objects.filter(pk=contact_id, avatar_url="").update(
            avatar="", avatar_next="", avatar_state=AvatarState.NONE, avatar_due_at=None
        )
        delete_on_commit(*names)


def erase(contact_id: int) -> None:
    """Delete the files of a contact once it is deleted; called in the transaction that does."""
    delete_on_commit(*_files(Contact.objects.filter(pk=contact_id)))


def delete_on_commit(*names: str) -> None:
    """Delete these files once nothing in the database refers to them; an empty name stands for none."""
    for name in filter(None, names):
        transaction.on_commit(partial(_delete, name))


def _files(contact: QuerySet[Contact]) -> tuple[str, ...]:
    """Return the names of the files that a row refers to as it is now, and lock it."""
    return contact.select_for_update().values_list("avatar", "avatar_next").first() or ()


def _take(contact_id: int | None) -> Taken | None:
    with transaction.atomic():
        rows = due() if contact_id is None else due().filter(pk=contact_id)
        contact = rows.select_for_update(skip_locked=True).order_by("avatar_due_at", "pk").first()
        if contact is None:
            return None
        taken = Taken(contact.pk, contact.avatar_url, _new_name(), contact.avatar_tries + 1)
        delete_on_commit(contact.avatar_next)  # of a worker that died
        Contact.objects.filter(pk=contact.pk).update(
            avatar_next=taken.name, avatar_tries=taken.tries, avatar_due_at=timezone.now() + LEASE
        )
        return taken


def _new_name() -> str:
    # Of 192 random bits, as whoever knows it may see the picture.
    return f"avatars/{secrets.token_urlsafe(24)}.webp"


def _picture(taken: Taken) -> bytes:
    if taken.tries > TRIES:
        raise AvatarFailed("interrupted")
    from .avatar_fetch import fetch as fetch_bytes  # needs the extra, as the next one does
    from .avatar_picture import square

    return square(fetch_bytes(taken.url))


def _store(taken: Taken, picture: bytes) -> Outcome:
    """Store the file before the row refers to it. Where the row cannot be written, it still tells of the file."""
    try:
        name = _storage().save(taken.name, ContentFile(picture), max_length=100)
    except Exception as error:  # noqa: BLE001 (each storage has errors of its own)
        logger.warning("A picture could not be stored (%s).", type(error).__name__)
        _delete(taken.name)  # a part of it may be there
        raise AvatarFailed("storage") from None
    try:
        outcome = _settle(taken, AvatarState.FETCHED, avatar=name)
    except DatabaseError:  # perhaps it was written all the same, and perhaps the contact is gone
        connection.close_if_unusable_or_obsolete()
        if not Contact.objects.filter(Q(avatar=name) | Q(avatar_next=taken.name), pk=taken.contact_id).exists():
            _delete(name)
        raise
    if outcome.state != AvatarState.FETCHED:
        _delete(name)
    return outcome


def _settle(
    taken: Taken, state: AvatarState, *, reason: str = "", due_at: datetime | None = None, **avatar: str
) -> Outcome:
    """Write what came of it, unless the row has another address or is somebody else's by now."""
    held = Contact.objects.filter(pk=taken.contact_id, avatar_next=taken.name, avatar_url=taken.url)
    with transaction.atomic():
        contact = held.select_for_update().first()
        if contact is None:
            return Outcome(taken.contact_id, AvatarState.DUE)
        held.update(avatar_state=state, avatar_reason=reason, avatar_due_at=due_at, avatar_next="", **avatar)
        if avatar:
            delete_on_commit(contact.avatar.name or "")
    return Outcome(taken.contact_id, state, due_at)


def _delete(name: str) -> None:
    try:
        _storage().delete(name)
    except Exception as error:  # noqa: BLE001 (each storage has errors of its own, and the call is answered by now)
        logger.warning("A picture could not be deleted (%s).", type(error).__name__)


def _storage() -> Storage:
    storage: Storage = Contact._meta.get_field("avatar").storage
    return storage
