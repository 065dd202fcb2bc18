from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware import locale
from django.utils import translation

from inboxes.middleware import public_match

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; script-src 'self'; style-src 'self'; base-uri 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Let pages load nothing but files of this site: no inline script or style, no other host.

    A view that needs more sets the header itself. Django's own middleware for this came with 6.0.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class PublicCallsMiddleware:
    """Answer public calls here: no cookie, language or user of a page changes them, and they are many."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = public_match(request)
        if match is None:
            return self.get_response(request)
        request.get_host()  # raises for a host that is not one of ALLOWED_HOSTS
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        response.headers["Content-Length"] = str(len(response.content))
        return response


class LocaleMiddleware(locale.LocaleMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        translation.deactivate()  # the next call of this thread may be a public one
        return response
