"""Trying a draft and dry runs, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.trials.views import dry_runs, tryout

urlpatterns = [
    path("<row:bot_id>/try/", tryout.tryout, name="bot_tryout"),
    path("<row:bot_id>/dry-runs/", dry_runs.dry_runs, name="bot_dry_runs"),
    path("<row:bot_id>/dry-runs/<row:dry_run_id>/", dry_runs.dry_run, name="bot_dry_run"),
    path("<row:bot_id>/dry-runs/<row:dry_run_id>/progress/", dry_runs.progress, name="bot_dry_run_progress"),
    path(
        "<row:bot_id>/dry-runs/<row:dry_run_id>/conversations/<row:position>/",
        dry_runs.conversation,
        name="bot_dry_run_conversation",
    ),
]
