from django.urls import path, re_path, register_converter

from .tokens import TOKEN_PATTERN
from .views import InboxViewSet, NotFoundViewSet


class TokenConverter:
    """Identifiers of inboxes and sessions. All else (NUL, other scripts) is unknown without a look-up."""

    regex = TOKEN_PATTERN

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(TokenConverter, "inquirly_token")

app_name = "inquirly_inboxes"
urlpatterns = [
    path(
        "inboxes/<inquirly_token:inbox_identifier>",
        InboxViewSet.as_view({"get": "retrieve"}),
        name="inbox",
    ),
    # Below an inbox its allowed origins hold, whatever the address.
    re_path(f"^inboxes/(?P<inbox_identifier>{TOKEN_PATTERN})/", NotFoundViewSet.as_view({"get": "refuse"})),
    re_path("^inboxes", NotFoundViewSet.as_view({"get": "refuse"})),
]
