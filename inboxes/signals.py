"""What hosts may want to hear of at once; ``contacts.signals`` has the rest."""

from django.apps import apps
from django.db.models import Model
from django.dispatch import Signal

# A public call was answered with 401, and nothing was written. Receivers get ``sender`` (the class of the view),
# ``request`` and ``inbox_identifier``.
identity_rejected = Signal()


def with_proxies(model: type[Model]) -> list[type[Model]]:
    """Return ``model`` and the proxies that a host has made of it: Django sends signals of each."""
    return [one for one in apps.get_models() if one._meta.concrete_model is model]
