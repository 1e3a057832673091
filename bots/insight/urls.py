"""The counts of a bot, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.insight import views

urlpatterns = [
    path("<row:bot_id>/insight/", views.insight, name="bot_insight"),
]
