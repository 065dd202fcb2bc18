"""Where sockets connect: for the ``URLRouter`` of an ``asgi.py``."""

from typing import Any, cast

from django.urls import path

try:
    from .consumers import CableConsumer
except ModuleNotFoundError as error:
    raise ImportError("/cable needs more packages. Run: python -m pip install 'inquirly[realtime]'") from error

websocket_urlpatterns = [path("cable", cast(Any, CableConsumer.as_asgi()))]
