"""The editor of bots, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.editor import views

urlpatterns = [
    path("<row:bot_id>/edit/", views.editor, name="bot_editor"),
    path("<row:bot_id>/edit/change/", views.change, name="bot_change"),
    path("<row:bot_id>/edit/card/", views.card, name="bot_card"),
    path("<row:bot_id>/edit/diagram/", views.diagram, name="bot_diagram"),
]
