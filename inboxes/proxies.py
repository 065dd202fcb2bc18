"""The proxies that a host has made of our models."""

from django.apps import apps
from django.db.models import Model


def with_proxies(model: type[Model]) -> list[type[Model]]:
    """Return ``model`` and its proxies, once all apps are loaded: Django sends signals of each."""
    return [one for one in apps.get_models() if one._meta.concrete_model is model]
