import secrets
from typing import Any

from django.contrib import admin
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.views.generic import TemplateView, View

from contacts import extras
from contacts.models import Contact

from .middleware import CONTENT_SECURITY_POLICY


class HomeView(TemplateView):
    """What this is, and where to go."""

    template_name = "inquirly_site/home.html"


class TryView(TemplateView):
    """A call of the public API, put together and sent by the browser."""

    template_name = "inquirly_site/try.html"
    extra_context = {"realtime": extras.are_there(extras.REALTIME)}


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


class AvatarView(View):
    """The picture of a contact, for staff who may see contacts. What is stored under a name never changes."""

    def get(self, request: HttpRequest, name: str) -> FileResponse:
        if not (
            admin.site.has_permission(request) and admin.site.get_model_admin(Contact).has_view_permission(request)
        ):
            raise Http404
        try:
            picture = default_storage.open(f"avatars/{name}.webp")
        except OSError:  # it is not there, or never can be
            raise Http404 from None
        headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
        return FileResponse(picture, content_type="image/webp", headers=headers)
