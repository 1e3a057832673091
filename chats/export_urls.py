"""Exports of an organization, below /o/<organization>/settings/exports/."""

from django.urls import path

from chats.exports import views

urlpatterns = [
    path("", views.exports, name="exports"),
    path("list/", views.exports_list, name="exports_list"),
    path("<row:organization_export_id>/file/", views.export_file, name="export_file"),
    path("<row:organization_export_id>/cancel/", views.cancel, name="export_cancel"),
    path("<row:organization_export_id>/delete/", views.delete, name="export_delete"),
    path("<row:organization_export_id>/again/", views.again, name="export_again"),
]
