"""A small web server for one's own machine; production has granian."""

import errno

from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)

HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8000, 8099


def bind() -> ThreadedWSGIServer:
    """Return a server of the site, bound to the first free port of this machine's own address.

    Raises ``OSError`` when all hundred ports are taken.
    """
    for port in range(FIRST_PORT, LAST_PORT):
        try:
            return _bind(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _bind(LAST_PORT)


def _bind(port: int) -> ThreadedWSGIServer:
    server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
    server.set_app(get_internal_wsgi_application())
    return server
