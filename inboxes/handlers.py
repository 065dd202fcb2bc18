"""Django's handlers, with requests that survive any Content-Type: for ``wsgi.py`` and ``asgi.py``.

Django fails on ``charset=hex`` and its like before a middleware or view is there to answer.
"""

import re
from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

# All that browsers and clients send here is UTF-8; only the parts of a form need a parameter.
PARAMETERS = re.compile(r";(?!\s*boundary=)[^;]*", re.IGNORECASE)


class AnyContentType:
    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        media_type = PARAMETERS.sub("", meta.get("CONTENT_TYPE", ""))
        super()._set_content_type_params({"CONTENT_TYPE": media_type})  # type: ignore[misc]


class PublicWSGIRequest(AnyContentType, WSGIRequest):
    pass


class PublicASGIRequest(AnyContentType, ASGIRequest):
    pass


class PublicWSGIHandler(WSGIHandler):
    request_class = PublicWSGIRequest


class PublicASGIHandler(ASGIHandler):
    request_class = PublicASGIRequest


def get_wsgi_application() -> PublicWSGIHandler:
    """Return what Django's function of this name does, with requests of ours."""
    django.setup(set_prefix=False)
    return PublicWSGIHandler()


def get_asgi_application() -> PublicASGIHandler:
    """Return what Django's function of this name does, with requests of ours."""
    django.setup(set_prefix=False)
    return PublicASGIHandler()
