from django.dispatch import Signal

# A public call was answered with 401. Receivers get ``sender`` (the view's class), ``request`` and
# ``inbox_identifier``. Nothing was written.
identity_rejected = Signal()
