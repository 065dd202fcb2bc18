"""What has changed in a row since it was loaded, without asking the database."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any, Self

from django.db import models


class RemembersFields(models.Model):
    """A model that knows which of its fields ``REMEMBERED`` differ from what was loaded."""

    REMEMBERED: tuple[str, ...]

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().from_db(*args, **kwargs)
        instance.remember()
        return instance

    def refresh_from_db(self, using: str | None = None, fields: Any = None, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(using, fields, *args, **kwargs)
        self.remember(fields)

    def remember(self, only: Collection[str] | None = None) -> None:
        """Take what is loaded now, or ``only`` these fields of it, for what the database holds."""
        now = self.__dict__
        stored = {name: _kept(now[name]) for name in self.REMEMBERED if name in now and (only is None or name in only)}
        self._stored = stored if only is None else now.get("_stored", {}) | stored

    def changed(self, only: Collection[str] | None = None) -> frozenset[str]:
        """Return the names of the fields, or of ``only`` these, that are not as they were; all, of a new row."""
        now, stored = self.__dict__, self.__dict__.get("_stored", {})
        names = [name for name in self.REMEMBERED if name in now and (only is None or name in only)]
        return frozenset(name for name in names if name not in stored or now[name] != stored[name])


def saved_fields(instance: models.Model) -> set[str]:
    """Return the names of the fields that a save writes into a row that is there."""
    fields = {field.name for field in instance._meta.concrete_fields if not field.primary_key}
    return fields - instance.get_deferred_fields()


def updates(instance: models.Model, options: Mapping[str, Any]) -> bool:
    """Return whether a save with these ``options`` writes into a row that is there."""
    return not (instance.pk is None or instance._state.adding or options.get("force_insert"))


def _kept(value: Any) -> Any:
    return deepcopy(value) if isinstance(value, dict) else value  # a dictionary can be changed in place
