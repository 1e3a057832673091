"""API keys of an organization, below /o/<organization>/settings/api-keys/."""

from django.urls import path

from api.keys import views
from api.openapi.views import reference

urlpatterns = [
    path("", views.api_keys, name="api_keys"),
    path("reference/", reference, name="api_reference"),
    path("<row:key_id>/revoke/", views.revoke, name="api_key_revoke"),
]
