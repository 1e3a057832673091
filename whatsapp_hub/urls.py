"""All URLs of the Django site. The URLs of webhooks and event streams are in `whatsapp_hub.asgi`."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter

from organizations.url_parameters import RowId
from organizations.views.home import access, home
from whatsapp_hub import design_urls, health

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
    path("settings/", include("organizations.urls")),
    path("simulator/", include("simulator.urls")),
]

urlpatterns = [
    path("", home, name="home"),
    path("o/<row:organization_id>/", include(organization_urlpatterns)),
    path("", include("organizations.personal_urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

if settings.DEBUG:
    urlpatterns += design_urls.urlpatterns
