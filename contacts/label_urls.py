"""Labels of an organization, below /o/<organization>/settings/labels/."""

from django.urls import path

from contacts.views import labels

urlpatterns = [
    path("", labels.labels, name="labels"),
    path("<row:label_id>/", labels.change, name="label"),
    path("<row:label_id>/delete/", labels.delete, name="label_delete"),
]
