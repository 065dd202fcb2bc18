"""What rules refuse and Django has no exception for. ``problems`` says how each is answered."""


class KeyInFlight(Exception):
    """Another request with this idempotency key is under way."""


class KeyReused(Exception):
    """This idempotency key has come with another body."""
