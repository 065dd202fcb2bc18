"""The admin as staff use it in a browser."""

from typing import Any

from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse


def staff(*codenames: str) -> Client:
    """Return the client of a member of staff with these permissions, like ``"view_inbox"``."""
    user = User.objects.create(username=f"staff-{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def list_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")


def add_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_add")


def page_url(row: Model, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{page}", args=[row.pk])


def found(client: Client, model: type[Model], term: str) -> list[Model]:
    """Return what the list shows for a search."""
    response = client.get(list_url(model), {"q": term})
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def act(client: Client, action: str, *rows: Model, **answers: str) -> HttpResponse:
    """Choose an action of the list for ``rows``, or answer what it asked, and return the next page."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], **answers}
    return client.post(list_url(type(rows[0])), data, follow=True)


def confirm(client: Client, action: str, *rows: Model, **answers: str) -> HttpResponse:
    """Choose an action, answer with yes if it asks, and return the last page."""
    asked = act(client, action, *rows)
    return say_yes(client, asked, *rows, **answers) if "answer" in (asked.context or {}) else asked


def say_yes(client: Client, asked: HttpResponse, *rows: Model, **answers: str) -> HttpResponse:
    """Send the form of the page that asks, and return the next page."""
    return act(client, asked.context["action"], *rows, post=asked.context["answer"], **answers)


def delete(client: Client, row: Model) -> HttpResponse:
    """Delete ``row`` on its page."""
    return client.post(page_url(row, "delete"), {"post": "yes"})


def delete_selected(client: Client, *rows: Model) -> HttpResponse:
    """Delete ``rows`` from their list."""
    data = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}
    return client.post(list_url(type(rows[0])), data)


def told(response: HttpResponse) -> list[str]:
    """Return the messages on a page, as HTML."""
    return [str(message) for message in response.context["messages"]]


def open_page(client: Client, row: Model) -> dict[str, Any]:
    """Open the page of ``row`` and return what a browser would send if nothing were changed."""
    response = client.get(page_url(row))
    data = {}
    for field in response.context["adminform"].form:
        value = field.value()
        if value is not False:  # a box that is not ticked is not sent
            data[field.html_name] = "" if value is None else value
        if field.field.show_hidden_initial:
            data[field.html_initial_name] = "" if value is None else value
    return data


def send(client: Client, row: Model, data: dict[str, Any], **changes: Any) -> HttpResponse:
    return client.post(page_url(row), {**data, **changes})


def edit(client: Client, row: Model, **changes: Any) -> HttpResponse:
    """Open the page of ``row``, change some fields and save."""
    return send(client, row, open_page(client, row), **changes)


def errors(response: HttpResponse) -> dict[str, list[str]]:
    """Return what the form says is wrong, by field."""
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)
