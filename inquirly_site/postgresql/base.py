"""Django's PostgreSQL backend, which keeps no connection that failed, and asks nothing to see whether one is alive."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Return whether the server has left a kept connection alone, and nothing has failed on it.

        Nothing is asked of it: where nothing is under way, it has something to say only when it ends the connection.
        What failed may be a statement that was prepared before a migration: it would fail again.
        """
        if self.connection is None or self.connection.closed or self.errors_occurred:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)

    def _close(self) -> None:
        """Give no connection back to a pool on which something has failed: the pool throws away what is closed."""
        if self.pool and self.connection is not None and self.errors_occurred:
            self.connection.close()
        super()._close()  # type: ignore[misc]  # the stubs leave it out
