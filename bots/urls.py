"""Bots and automatic messages, below /o/<organization>/settings/bots/."""

from bots.ai_pages.urls import urlpatterns as ai_pages
from bots.automatic.urls import urlpatterns as automatic
from bots.editor.urls import urlpatterns as editor
from bots.files.urls import urlpatterns as files
from bots.insight.urls import urlpatterns as insight
from bots.publishing.urls import urlpatterns as publishing
from bots.remote_pages.urls import urlpatterns as remote_pages
from bots.trials.urls import urlpatterns as trials

urlpatterns = [*publishing, *trials, *automatic, *editor, *files, *insight, *ai_pages, *remote_pages]
