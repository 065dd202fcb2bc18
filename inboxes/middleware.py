"""What every public answer has in common, whoever gives it: the view, Django, or another middleware."""

from typing import Any, cast

from asgiref.sync import sync_to_async
from corsheaders import middleware as cors
from corsheaders.defaults import default_headers
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.cache import patch_vary_headers

from .authentication import get_inbox
from .headers import HEADERS, IDEMPOTENCY_KEY
from .problems import ProblemResponse
from .views import PublicViewSet

KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
# A star is all of them but Authorization, to a browser that sends no credentials; tracing adds headers of its own.
ALLOWED_HEADERS = ", ".join(["*", *default_headers, IDEMPOTENCY_KEY.lower()])
METHODS = ", ".join(["*", *(method.upper() for method in PublicViewSet.http_method_names)])  # others can read the 405
MAX_AGE = "86400"  # seconds for which a browser may remember a preflight, a day as corsheaders has it


class PublicAPIMiddleware(cors.CorsMiddleware):
    """Put it first in MIDDLEWARE. Other pages of the project, and their own CORS settings, are left alone.

    A public answer bears the headers of the API, sets no cookie, can be read by pages of the inbox's
    ``allowed_origins`` only and never with credentials; a refusal, by whomever, is problem details.
    """

    def __call__(self, request: HttpRequest) -> Any:
        if self.async_mode:
            return self.__acall__(request)
        return self.finish(request, self.check_preflight(request) or cast(Any, self.get_response(request)))

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        response = await sync_to_async(self.check_preflight)(request) or await cast(Any, self.get_response(request))
        return await sync_to_async(self.finish)(request, response) if self.is_enabled(request) else response

    def finish(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Give a public answer what it lacks; it may ask the database for the origins of the inbox."""
        if not self.is_enabled(request):
            return response
        # Of a 404, a middleware of the host's may have made a redirect.
        response = getattr(request, "inquirly_refusal", None) or response
        if _is_preflight(request) and response.status_code >= 300:  # a middleware further in chose its addresses
            response = HttpResponse()
        if response.status_code >= 400 and not isinstance(response, ProblemResponse):
            kept = {name: response[name] for name in KEPT_HEADERS if name in response}
            response = ProblemResponse(response.status_code, headers=kept)
        response.cookies.clear()
        response.headers.pop("Set-Cookie", None)
        self.add_response_headers(request, response)
        for name, value in HEADERS.items():
            if response.headers.get(name) != value:
                response[name] = value
        return response

    def check_preflight(self, request: HttpRequest) -> HttpResponseBase | None:
        # Only a preflight needs its view looked up before Django does so itself.
        return super().check_preflight(request) if _is_preflight(request) else None

    def add_response_headers(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        # The project's own CORS settings, and its own CorsMiddleware further in, are for its other pages.
        for name in [name for name in response.headers if name.lower().startswith("access-control-")]:
            del response[name]
        patch_vary_headers(response, ("origin",))
        origin = request.META.get("HTTP_ORIGIN")
        if origin and self.check_signal(request):
            response[cors.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response[cors.ACCESS_CONTROL_EXPOSE_HEADERS] = "Retry-After"
            if request.method == "OPTIONS":
                response[cors.ACCESS_CONTROL_ALLOW_METHODS] = METHODS
                response[cors.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
                response[cors.ACCESS_CONTROL_MAX_AGE] = MAX_AGE
        return response

    def is_enabled(self, request: HttpRequest) -> bool:
        return public_match(request) is not None

    def check_signal(self, request: HttpRequest) -> bool:
        """Return whether the inbox lets pages of the request's origin read the answer."""
        match = _match(request)
        identifier = match.kwargs.get("inbox_identifier") if match else None
        if identifier is None:
            return True
        try:
            allowed = get_inbox(request, identifier).allowed_origins
        except Http404:
            return True  # there is nobody to protect, and a developer to tell of a misspelt address
        except Error:
            return False
        return not allowed or request.META.get("HTTP_ORIGIN") in allowed


def public_match(request: HttpRequest) -> ResolverMatch | None:
    """Return where the request leads to if that is a public view, else None."""
    match = _match(request)
    public = match is not None and issubclass(getattr(match.func, "cls", object), PublicViewSet)
    return match if public else None


def _is_preflight(request: HttpRequest) -> bool:
    return request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META


def _match(request: HttpRequest) -> ResolverMatch | None:
    if request.resolver_match is None:
        try:
            request.resolver_match = resolve(request.path_info, getattr(request, "urlconf", None))
        except Resolver404:
            return None
    return request.resolver_match
