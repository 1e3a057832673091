"""All addresses of the Django site. The webhook's are served beside it: see `whatsapp_hub.asgi`."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from whatsapp_hub import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
