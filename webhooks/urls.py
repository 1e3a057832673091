"""URLs of an organization's webhook log, below /o/<organization>/settings/webhooks/."""

from django.urls import path

from webhooks.log import views

urlpatterns = [
    path("", views.webhook_log, name="webhook_log"),
    path("latest/", views.latest, name="webhooks_latest"),
    path("older/", views.older, name="webhooks_older"),
    path("<row:webhook_id>/", views.webhook, name="webhook"),
    path("<row:webhook_id>/state/", views.state, name="webhook_state"),
    path("<row:webhook_id>/body/", views.body, name="webhook_body"),
    path("<row:webhook_id>/apply-again/", views.apply_again, name="webhook_apply_again"),
]
