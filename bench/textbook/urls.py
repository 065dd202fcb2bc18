from django.urls import path

from .views import ContactViewSet

CONTACTS = "public/api/v1/inboxes/<slug:inbox_identifier>/contacts"

urlpatterns = [
    path(CONTACTS, ContactViewSet.as_view({"post": "create"})),
    path(f"{CONTACTS}/<slug:source_id>", ContactViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
]
