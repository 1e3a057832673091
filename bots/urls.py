"""Bots and automatic messages, below /o/<organization>/settings/bots/."""

from bots.publishing.urls import urlpatterns as publishing

urlpatterns = [*publishing]
