"""The webhook log of an organization, below /o/<organization>/settings/webhooks/."""

from django.urls import path

from webhooks import views

urlpatterns = [
    path("", views.webhook_log, name="webhook_log"),
    path("<row:webhook_id>/", views.webhook, name="webhook"),
    path("<row:webhook_id>/apply-again/", views.apply_again, name="webhook_apply_again"),
]
