"""Bots and automatic messages, below /o/<organization>/settings/bots/."""

from bots.automatic.urls import urlpatterns as automatic
from bots.editor.urls import urlpatterns as editor
from bots.files.urls import urlpatterns as files
from bots.insight.urls import urlpatterns as insight
from bots.publishing.urls import urlpatterns as publishing

urlpatterns = [*publishing, *automatic, *editor, *files, *insight]
