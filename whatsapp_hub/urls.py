"""All addresses of the Django site. The webhook's and the event streams are served beside it: see `whatsapp_hub.asgi`."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter
from organizations.url_parameters import RowId

from organizations.views.home import access, home
from whatsapp_hub import health

register_converter(RowId, "row")

of_an_organization: list[URLPattern | URLResolver] = [
    path("access/", access, name="access"),
    path("inbox/", include("chats.urls")),
    path("contacts/", include("contacts.urls")),
    path("canned-replies/", include("chats.own_reply_urls")),
    path("settings/webhooks/", include("webhooks.urls")),
    path("settings/labels/", include("contacts.label_urls")),
    path("settings/templates/", include("chats.template_urls")),
    path("settings/canned-replies/", include("chats.canned_urls")),
    path("settings/", include("organizations.urls")),
    path("simulator/", include("simulator.urls")),
]

urlpatterns = [
    path("", home, name="home"),
    path("o/<row:organization_id>/", include(of_an_organization)),
    path("", include("organizations.personal_urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
