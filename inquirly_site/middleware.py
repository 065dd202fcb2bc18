from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
