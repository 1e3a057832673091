"""The page of a number's automatic messages, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.automatic import views

urlpatterns = [
    path("numbers/<row:number_id>/automatic/", views.automatic_messages, name="automatic_messages"),
    path("numbers/<row:number_id>/automatic/preview/", views.preview, name="automatic_preview"),
    path("numbers/<row:number_id>/automatic/contacts/", views.contacts, name="automatic_contacts"),
]
