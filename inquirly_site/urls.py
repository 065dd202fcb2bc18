from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from . import views

urlpatterns = [
    path("public/api/v1/", include("contacts.urls")),  # first, as it is asked for most
    path("", views.HomeView.as_view(), name="home"),
    path("try", views.TryView.as_view(), name="try"),
    path("docs/", views.SwaggerUIView.as_view(), name="docs"),
    path("redoc/", views.RedocView.as_view(), name="redoc"),
    path("openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
    path("media/avatars/<slug:name>.webp", views.AvatarView.as_view(), name="avatar"),
    path("admin/", admin.site.urls),
]
