"""Staff erase contacts while these are in use, and are told where more is kept of them."""

from django.contrib import messages
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext

from inboxes.bounded_admin import BoundedAdmin

from .admin_search import MERGED, TERMS, listed
from .models import Contact, ContactMerge


def hold(contacts: QuerySet[Contact]) -> None:
    """Lock these contacts until the transaction ends, in the order of their ids as everywhere."""
    list(contacts.select_for_update().order_by("pk").values_list("pk"))


class ErasureAdmin(BoundedAdmin):
    """Deletes contacts. The record of a merge outlives them, unless staff delete it too."""

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        merged = _merged(Contact.objects.filter(pk=obj.pk))
        super().delete_model(request, obj)
        self._tell_of_merges(request, merged)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        """Lock first: a session that opens meanwhile waits, and then gets a contact of its own."""
        contacts = Contact.objects.filter(pk__in=queryset.order_by().values("pk"))
        with transaction.atomic():
            hold(contacts)
            merged = _merged(contacts)
            super().delete_queryset(request, queryset)
        self._tell_of_merges(request, merged)

    def _tell_of_merges(self, request: HttpRequest, merged: list[int]) -> None:
        """Tell staff who have erased contacts where more of them is kept."""
        if not merged:
            return
        query = {"q": listed(merged[:TERMS])}
        link = self.link_to(gettext("records of merges"), ContactMerge, "changelist", query=query)
        text = gettext("What was known before a merge is kept in {}. If it has to go as well, delete these too.")
        if len(merged) > TERMS:
            text = gettext("What was known before merges is kept in {} and in more: look through all, if it has to go.")
        self.message_user(request, format_html(text, link), messages.WARNING)


def _merged(contacts: QuerySet[Contact]) -> list[int]:
    """Return the numbers by which records of their merges, and of those before, are found; a search takes ``TERMS``."""
    records = [Exists(ContactMerge.objects.filter(**{name: OuterRef("pk")})) for name in MERGED]
    named = contacts.filter(Q(*records, _connector=Q.OR)).order_by("pk")
    latest = list(named.values_list("pk", flat=True)[: TERMS + 1])
    numbers = latest
    while latest and len(numbers) <= TERMS:
        mergees = ContactMerge.objects.filter(base_contact_id__in=latest).values("mergee_contact_id")
        before = ContactMerge.objects.filter(base_contact_id__in=mergees).exclude(base_contact_id__in=numbers)
        latest = list(before.order_by("base_contact_id").values_list("base_contact_id", flat=True).distinct()[:TERMS])
        numbers = [*numbers, *latest]
    return numbers
