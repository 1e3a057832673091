"""Bots, below /o/<organization>/settings/bots/."""

from bots.editor.urls import urlpatterns as editor

urlpatterns = [*editor]
