"""``/cable`` beside the pages of the site, where the extra ``realtime`` is installed."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger(__name__)


def with_sockets(http: Application) -> Application:
    """Return ``http`` with the live streams; without their packages, an application that refuses them."""
    try:
        websocket = _cable()
    except ImportError as error:
        websocket = _refusing(str(error))

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await (websocket if scope["type"] == "websocket" else http)(scope, receive, send)

    return application


def _cable() -> Application:
    # First, as it says what to install.
    from contacts.routing import websocket_urlpatterns  # isort: skip
    from channels.routing import URLRouter
    from django.urls import re_path

    addresses: list[Any] = [*websocket_urlpatterns, re_path("", cast(Any, _refuse))]
    return URLRouter(addresses)


def _refusing(reason: str) -> Application:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        logger.error("A socket was refused: %s", reason)
        await _refuse(scope, receive, send)

    return refuse


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close"})
