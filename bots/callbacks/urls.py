"""The address of call-backs, below /bots/callbacks/."""

from django.urls import path

from bots.callbacks import views

urlpatterns = [path("<uuid:request_key>/", views.callback, name="bot_callback")]
