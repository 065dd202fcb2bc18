"""Pages of the admin for what the API reads and writes at the same time."""

from contextlib import suppress
from typing import Any

from django.db import IntegrityError, connection
from django.http import HttpRequest, HttpResponse

from .bounded_admin import BoundedAdmin


class LockingAdmin(BoundedAdmin):
    """While staff change or delete a row, who comes later waits for them, and they wait for who came first."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Lock what a form is about to change or delete: both happen inside a transaction."""
        obj = super().get_object(request, object_id, from_field)
        if obj is None or request.method != "POST" or not connection.in_atomic_block:
            return obj
        self.model._default_manager.select_for_update().filter(pk=obj.pk).values_list("pk").first()
        return super().get_object(request, object_id, from_field)  # as it is now

    def save_related(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Let PostgreSQL look at references now, and not after staff were told that all went well."""
        super().save_related(request, *args, **kwargs)
        if connection.vendor == "postgresql":
            connection.check_constraints()

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with suppress(IntegrityError):
            return super().changeform_view(request, *args, **kwargs)
        # Somebody took the identifier, or deleted the account, after it was checked. Checked again, the form says so.
        return super().changeform_view(request, *args, **kwargs)
