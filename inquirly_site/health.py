"""``/healthz``: what load balancers and supervisors ask."""

from collections.abc import Callable

from django.core.handlers.asgi import ASGIRequest
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

PATH = "/healthz"


class HealthMiddleware:
    """Answer ``/healthz`` whatever host the request names: load balancers probe by address.

    It is a middleware because Django's own, further in, refuse every host but those of ``ALLOWED_HOSTS``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return healthz(request) if request.path_info == PATH else self.get_response(request)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Say whether the site can serve: 200 when the database answers, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return JsonResponse({"status": "unavailable", "database": "away"}, status=503)
    finally:
        if isinstance(request, ASGIRequest):  # its thread ends with it, and would leave the connection behind
            connection.close()
    return JsonResponse({"status": "ok", "database": "ok"})
