"""The pages of addresses for events, below /o/<organization>/settings/events/."""

from django.urls import path

from events.pages import views

urlpatterns = [
    path("", views.endpoints, name="events"),
    path("new/", views.new_endpoint, name="event_endpoint_new"),
    path("<row:endpoint_id>/", views.endpoint, name="event_endpoint"),
    path("<row:endpoint_id>/save/", views.save, name="event_endpoint_save"),
    path("<row:endpoint_id>/delete/", views.delete, name="event_endpoint_delete"),
    path("<row:endpoint_id>/secret/", views.new_secret, name="event_endpoint_secret"),
    path("<row:endpoint_id>/test/", views.test, name="event_test"),
    path("<row:endpoint_id>/test/<row:delivery_id>/", views.test_result, name="event_test_result"),
    path("<row:endpoint_id>/try-now/", views.try_now, name="event_try_now"),
    path("<row:endpoint_id>/replay/", views.replay_dead, name="event_replay_dead"),
    path("<row:endpoint_id>/log/", views.log, name="event_log"),
    path("<row:endpoint_id>/log/rows/", views.log_rows, name="event_log_rows"),
    path("<row:endpoint_id>/log/<row:delivery_id>/", views.delivery, name="event_delivery"),
    path("<row:endpoint_id>/log/<row:delivery_id>/replay/", views.replay, name="event_replay"),
]
