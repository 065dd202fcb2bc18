"""The public API. Include this module at ``public/api/v1/``; it brings the inboxes' addresses along."""

from django.urls import include, path

import inboxes.urls

from .views import ContactViewSet

CONTACTS = "inboxes/<inquirly_token:inbox_identifier>/contacts"

app_name = "inquirly_contacts"
urlpatterns = [
    path(CONTACTS, ContactViewSet.as_view({"post": "create"}), name="contacts"),
    path(
        f"{CONTACTS}/<inquirly_token:source_id>",
        ContactViewSet.as_view({"get": "retrieve", "patch": "partial_update", "put": "update"}),
        name="contact",
    ),
    path("", include(inboxes.urls)),
]
