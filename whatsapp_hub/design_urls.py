"""The address that exists in DEBUG only."""

from django.urls import URLPattern, URLResolver, path

from whatsapp_hub.design import design

urlpatterns: list[URLPattern | URLResolver] = [path("design/", design, name="design")]
