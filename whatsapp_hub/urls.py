"""All URLs of the Django site. The URLs of webhooks and event streams are in `whatsapp_hub.asgi`."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter

from organizations.url_parameters import RowId
from organizations.views.home import access, home
from privacy.pages.views import organization_deletion
from whatsapp_hub import design, health

register_converter(RowId, "row")

organization_urlpatterns: list[URLPattern | URLResolver] = [
    path("access/", access, name="access"),
    path("inbox/", include("chats.urls")),
    path("contacts/", include("contacts.urls")),
    path("canned-replies/", include("chats.own_reply_urls")),
    path("settings/bots/", include("bots.urls")),
    path("settings/webhooks/", include("webhooks.urls")),
    path("settings/labels/", include("contacts.label_urls")),
    path("settings/templates/", include("chats.template_urls")),
    path("settings/canned-replies/", include("chats.canned_urls")),
    path("settings/events/", include("events.urls")),
    path("settings/exports/", include("chats.export_urls")),
    path("settings/api-keys/", include("api.key_urls")),
    path("settings/privacy/", include("privacy.urls")),
    path("settings/", include("organizations.urls")),
    path("simulator/", include("simulator.urls")),
]

urlpatterns = [
    path("", home, name="home"),
    path("o/<row:organization_id>/", include(organization_urlpatterns)),
    path("api/v1/", include("api.v1.urls")),
    path("", include("organizations.personal_urls")),
    path("organization-deletions/<row:deletion_id>/", organization_deletion, name="organization_deletion"),
    path("bots/callbacks/", include("bots.callbacks.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

handler400 = "api.errors.django_errors.bad_request"
handler403 = "api.errors.django_errors.permission_denied"
handler404 = "api.errors.django_errors.not_found"
handler500 = "api.errors.django_errors.server_error"

if settings.DEBUG:
    urlpatterns += design.urlpatterns
