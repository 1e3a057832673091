"""Files of bots, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.files import views

urlpatterns = [path("files/<slug:file_key>/", views.file, name="bot_file")]
