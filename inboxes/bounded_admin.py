"""Pages of the admin that stay quick with millions of rows."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .forms import ChangedFieldsForm

CHANGED = _("This has changed since you were asked. Nothing has been done now: look again.")
MAX_COUNT = 10_000
MAX_AT_ONCE = 900  # rows that an action takes: the page that asks first sends them all, and Django reads 1,000 fields


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # takes no parameter at run time
    """Counts to ``MAX_COUNT`` at most: to count a million rows takes longer than to show a page of them."""

    @cached_property
    def count(self) -> int:
        return cast(QuerySet[Any], self.object_list)[:MAX_COUNT].count()


class BoundedChangeList(ChangeList):
    """Pages in the order of the primary key, whatever the address asks for; an unusable search finds nothing."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        return ["-pk"]

    def get_filters(self, request: HttpRequest) -> Any:
        """Refuse filters typed into the address: they scan, and could guess at secrets letter by letter."""
        found = super().get_filters(request)
        allowed = {*cast(BoundedAdmin, self.model_admin).allowed_lookups}
        if self.date_hierarchy:
            allowed |= {f"{self.date_hierarchy}__gte", f"{self.date_hierarchy}__lt"}
        if typed := found[2].keys() - allowed:  # what no filter of the list took
            raise DisallowedModelAdminLookup(f"Filtering by {', '.join(sorted(typed))} not allowed")
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        queryset = super().get_queryset(request, exclude_parameters)
        refused = request.GET.get(SEARCH_VAR) and not self.query
        return queryset.none() if refused else queryset


class BoundedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no parameter at run time
    """Pages that stay quick with millions of rows and do not undo what the API writes meanwhile.

    A host can put a theme under it: ``class ThemedContactAdmin(ContactAdmin, ThemeModelAdmin)``.
    """

    form = ChangedFieldsForm
    paginator = CappedPaginator
    show_full_result_count = False
    ordering = ("-pk",)
    sortable_by = ()
    allowed_lookups: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Let what a host makes ``list_editable`` be written as on the page of the row, and nothing else."""
        left_out = dict.fromkeys({*self.form.declared_fields} - {*self.list_editable})
        form = type(self.form.__name__, (self.form,), left_out)
        return super().get_changelist_form(request, **{"form": form, **kwargs})

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        """Refuse to act on all rows of a list where these are too many."""
        everything = self.action_form.base_fields["select_across"].to_python(request.POST.get("select_across"))
        if everything and queryset[: MAX_AT_ONCE + 1].count() > MAX_AT_ONCE:
            text = gettext("These are more than %(count)d, too many to act on at once. Search first, or tick fewer.")
            self.message_user(request, text % {"count": MAX_AT_ONCE}, messages.WARNING)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """On the page for adding, leave out what has no value yet."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj:
            return fieldsets
        editable = [(title, _without(options, self.readonly_fields)) for title, options in fieldsets]
        return [(title, options) for title, options in editable if options["fields"]]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if "\x00" in search_term:  # PostgreSQL knows no such text
            return queryset.none(), False
        if search_term and (condition := self.found_by(search_term)) is not None:
            return queryset.filter(condition), False
        return super().get_search_results(request, queryset, search_term)

    def found_by(self, search_term: str) -> Q | None:
        """Return what rows meet that a search finds, where ``search_fields`` alone do not tell it."""
        return None

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Write no more than staff changed, so that nothing else goes back to what it was."""
        if not change:
            obj.save()
        elif form.update_fields:
            obj.save(update_fields=form.update_fields)

    def confirmation(
        self,
        request: HttpRequest,
        action: str,
        rows: Iterable[Model],
        explanation: str | Promise,
        *,
        answer: str = "yes",
        template: str = "admin/inquirly_inboxes/confirm_action.html",
        **context: Any,
    ) -> TemplateResponse:
        """Return the page that asks whether to apply ``action`` to ``rows``.

        A yes calls the action again, with ``answer`` as ``post``.
        """
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "title": getattr(self, action).short_description,
                "opts": self.opts,
                "explanation": explanation,
                "rows": rows,
                "action": action,
                "answer": answer,
                "action_checkbox_name": ACTION_CHECKBOX_NAME,
                "back": request.get_full_path(),
                **context,
            },
        )

    def link(self, row: Model) -> SafeString:
        """Return a link to the page of ``row``, which is of this model."""
        return self.link_to(row, self.model, "change", args=[row.pk])

    def link_to(self, text: Any, model: type[Model], page: str, **where: Any) -> SafeString:
        """Return ``text`` as a link to a page of ``model``; ``where`` goes to ``reverse``.

        It is no link where a project has taken the model out of its admin.
        """
        if not self.admin_site.is_registered(model):
            return conditional_escape(text)
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        url = reverse(name, current_app=self.admin_site.name, **where)
        # A name may hold characters that turn round what stands beside it.
        return format_html('<a href="{}"><bdi>{}</bdi></a>', url, text)


def _without(options: Any, names: Any) -> dict[str, Any]:
    """Return ``options`` of a fieldset without the fields of these ``names``, of which some may share a line."""
    lines = [
        tuple(one for one in line if one not in names) if isinstance(line, list | tuple) else line
        for line in options["fields"]
    ]
    return {**options, "fields": [line for line in lines if line and line not in names]}
