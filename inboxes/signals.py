"""What hosts may want to hear of at once; ``contacts.signals`` has the rest."""

from django.dispatch import Signal

# A public call was answered with 401, and nothing was written. Receivers get ``sender`` (the class of the view),
# ``request`` and ``inbox_identifier``.
identity_rejected = Signal()
