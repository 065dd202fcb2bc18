"""A small web server for one's own machine; production has granian on its own."""

import asyncio
import errno
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asgiref.wsgi import WsgiToAsgi
from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)
from django.utils.encoding import escape_uri_path
from granian.constants import Interfaces
from granian.server.embed import Server

from .sockets import Application, with_sockets

HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8000, 8099
PAUSE = 0.02  # seconds between two looks whether it serves
LAST_SECONDS = 2  # for what is under way in the end

logger = logging.getLogger("django.server")


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


def serve_with_sockets(port: int, when_serving: Callable[[], None]) -> None:
    """Serve pages and ``/cable`` from one process until Ctrl-C; calls ``when_serving`` as soon as they answer."""
    asyncio.run(_serve_with_sockets(port, when_serving))


async def _serve_with_sockets(port: int, when_serving: Callable[[], None]) -> None:
    pages = WsgiToAsgi(get_internal_wsgi_application())  # type: ignore[no-untyped-call]
    application = with_sockets(_logged(pages))
    server = Server(application, HOST, port, interface=Interfaces.ASGINL, log_enabled=False)
    server.workers_kill_timeout = LAST_SECONDS
    serving = asyncio.create_task(server.serve())
    try:
        while not serving.done() and not await _answers(port):
            await asyncio.sleep(PAUSE)
        if not serving.done():
            when_serving()
        await asyncio.shield(serving)  # raises what kept it from serving
    except asyncio.CancelledError:  # by Ctrl-C
        server.stop()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):  # a socket was open
            await serving


def _logged(http: Application) -> Application:
    """Return ``http`` with a line for each answer, as Django's own server writes it."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
                path = escape_uri_path(scope["path"])
                logger.info('"%s %s%s" %d', scope["method"], path, query, message["status"])
            await send(message)

        await http(scope, receive, note)

    return answer


async def _answers(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
