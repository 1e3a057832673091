"""Bots, below /o/<organization>/settings/bots/."""

from bots.insight.urls import urlpatterns as insight

urlpatterns = [*insight]
