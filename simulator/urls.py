"""The phone page, below /o/<organization>/simulator/."""

from django.urls import path

from simulator import views

urlpatterns = [
    path("", views.phone, name="simulator"),
    path("first-steps/", views.steps, name="first_steps"),
    path("first-steps/put-away/", views.dismiss_steps, name="put_first_steps_away"),
    path("connect/", views.connect, name="simulator_connect"),
    path("customers/", views.customer_list, name="simulator_customers"),
    path("customers/new/", views.new_customer, name="simulator_new_customer"),
    path("faults/", views.faults, name="simulator_faults"),
    path("faults/add/", views.add_fault, name="simulator_add_fault"),
    path("faults/clear/", views.clear_faults, name="simulator_clear_faults"),
    path("latency/", views.set_latency, name="simulator_latency"),
    path("received/", views.received, name="simulator_received"),
    path("media/<str:media_id>/", views.media, name="simulator_media"),
    path("phones/<str:key>/", views.phone, name="simulator_phone"),
    path("phones/<str:key>/thread/", views.thread, name="simulator_thread"),
    path("phones/<str:key>/compose/", views.compose, name="simulator_compose"),
    path("phones/<str:key>/read/", views.read, name="simulator_read"),
    path("phones/<str:key>/send/<slug:what>/", views.send, name="simulator_send"),
]
