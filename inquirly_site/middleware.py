from collections.abc import Callable
from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware import locale
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

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


class PagesOnly(MiddlewareMixin):
    """Lets public calls pass by: no cookie, language or user of a page changes them, and they are many."""

    def __call__(self, request: HttpRequest) -> Any:
        page = not request.path_info.startswith("/public/")
        return super().__call__(request) if page else self.get_response(request)


class SessionMiddleware(PagesOnly, sessions.SessionMiddleware):
    pass


class LocaleMiddleware(PagesOnly, locale.LocaleMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        translation.deactivate()  # the next call of this thread may be a public one
        return response


class AuthenticationMiddleware(PagesOnly, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(PagesOnly, messages.MessageMiddleware):
    pass
