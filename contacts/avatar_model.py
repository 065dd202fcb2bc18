"""The fields of a contact's picture: where it is to come from, what is stored, and how far that is."""

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .changes import RemembersFields, saved_fields, updates


class AvatarState(models.TextChoices):
    NONE = "", _("no picture")
    DUE = "due", _("due")
    FETCHED = "fetched", _("fetched")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")


class AvatarField(models.FileField):
    """A stored picture. Where its owner's ``avatar_url`` changes, it becomes due in the same statement."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Look at the address here: Django calls this for a save, and ``statements`` and ``bulk_create`` do."""
        if isinstance(model_instance, HasAvatar):  # migrations have models of their own
            model_instance.follow_avatar_url()
        if model_instance.__dict__.get(self.attname) == "":
            return ""  # of most contacts; Django would make a file of it first
        return super().pre_save(model_instance, add)


class HasAvatar(RemembersFields):
    """A model with a picture, that ``avatars`` fetches from its ``avatar_url`` when ``avatar_due_at`` has come."""

    avatar_url: Any
    # The first of these: what follows from the address is written after it is looked at.
    # No ImageField: that needs Pillow, and the URL is kept without it too. Databases know the defaults,
    # so that an older release can go on writing rows while this one is rolled out.
    avatar = AvatarField(_("avatar"), blank=True, default="", db_default="", editable=False)
    avatar_state = models.CharField(
        _("avatar state"),
        max_length=8,
        choices=AvatarState,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    avatar_reason = models.CharField(
        _("avatar reason"), max_length=32, blank=True, default="", db_default="", editable=False
    )
    avatar_tries = models.PositiveSmallIntegerField(_("avatar tries"), default=0, db_default=0, editable=False)
    avatar_due_at = models.DateTimeField(_("next try of the picture"), null=True, editable=False)
    # The file that a worker is about to store: who holds the name holds the row, and who dies leaves it to be deleted.
    avatar_next = models.CharField(
        _("next avatar"), max_length=100, blank=True, default="", db_default="", editable=False
    )

    # Written by ``avatars`` alone, in a row as it is by then; and by a save that changes the address.
    AVATAR_FILES = ("avatar", "avatar_next")
    AVATAR_STATE = ("avatar_state", "avatar_reason", "avatar_tries", "avatar_due_at")

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is None and self.__dict__.get("_stored"):  # a copy of a row: a file belongs to one
            self.avatar = self.avatar_next = ""
            self._stored = {}
        self.follow_avatar_url()
        if not args and updates(self, kwargs):
            kwargs["update_fields"] = self._written(kwargs.get("update_fields"))
        super().save(*args, **kwargs)

    def _written(self, names: Iterable[str] | None) -> set[str]:
        """Return what a save of ``names`` writes into a row that is there: no picture that was loaded long ago."""
        if names is None:
            names = saved_fields(self) - {*self.AVATAR_FILES, *self.AVATAR_STATE}
        follows = self.AVATAR_STATE if "avatar_url" in names and self.changed(("avatar_url",)) else ()
        return {*names, *follows}

    def follow_avatar_url(self) -> None:
        """Make the picture due when the address is another one than the database holds; nothing is saved.

        The picture of the old address stays until there is a new one, or until ``avatars`` takes it away.
        """
        url = self.__dict__.get("avatar_url")
        if url is None:  # not loaded, and so not changed
            return
        if (url or self.avatar_state) and self.changed(("avatar_url",)):
            self.avatar_state, self.avatar_reason = AvatarState.DUE, ""
            self.avatar_tries, self.avatar_due_at = 0, timezone.now()
