"""Bots and automatic messages, below /o/<organization>/settings/bots/."""

from bots.automatic.urls import urlpatterns as automatic

urlpatterns = [*automatic]
