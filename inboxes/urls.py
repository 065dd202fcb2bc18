from django.urls import path, re_path, register_converter

from .views import InboxViewSet, NotFoundViewSet


class TokenConverter:
    """Identifiers of inboxes and sessions. All else (NUL, other scripts) is unknown without a look-up."""

    regex = "[A-Za-z0-9_-]{1,64}"

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
    re_path("^inboxes/(?P<inbox_identifier>[A-Za-z0-9_-]{1,64})/", NotFoundViewSet.as_view({"get": "refuse"})),
    re_path("^inboxes", NotFoundViewSet.as_view({"get": "refuse"})),
]
