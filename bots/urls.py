"""Bots and automatic messages, below /o/<organization>/settings/bots/."""

from bots.editor.urls import urlpatterns as editor
from bots.publishing.urls import urlpatterns as publishing

urlpatterns = [*publishing, *editor]
