import secrets
from importlib.util import find_spec
from typing import Any

from django.http import HttpResponse
from django.views.generic import TemplateView

from .middleware import CONTENT_SECURITY_POLICY


class HomeView(TemplateView):
    """What this is, and where to go."""

    template_name = "inquirly_site/home.html"


class TryView(TemplateView):
    """A call of the public API, put together and sent by the browser."""

    template_name = "inquirly_site/try.html"
    extra_context = {"realtime": find_spec("channels") is not None}


class SwaggerUIView(TemplateView):
    """The API's description, with calls that can be tried."""

    template_name = "inquirly_site/swagger_ui.html"


class RedocView(TemplateView):
    """The API's description, for reading."""

    template_name = "inquirly_site/redoc.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(nonce=secrets.token_urlsafe(16), **kwargs)

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        """Redoc writes its own style elements: those that carry the nonce of this answer are let in."""
        response = super().render_to_response(context, **response_kwargs)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
            "style-src 'self'", f"style-src 'self' 'nonce-{context['nonce']}'"
        )
        return response
