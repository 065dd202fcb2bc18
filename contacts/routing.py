"""Where sockets connect: for the ``URLRouter`` of an ``asgi.py``."""

from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.urls import path

try:
    from channels.layers import get_channel_layer

    from .consumers import CableConsumer
except ModuleNotFoundError as error:
    raise ImportError("/cable needs more packages. Run: python -m pip install 'inquirly[realtime]'") from error

if get_channel_layer() is None:
    raise ImproperlyConfigured("/cable tells nobody anything without CHANNEL_LAYERS: set its 'default'.")

websocket_urlpatterns = [path("cable", cast(Any, CableConsumer.as_asgi()))]
