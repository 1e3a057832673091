"""URLs of an organization's pages about privacy, below `settings/privacy/`."""

from django.urls import URLPattern, path

from privacy.pages import views
from privacy.person_pages import erasures, exports

urlpatterns: list[URLPattern] = [
    path("", views.privacy, name="privacy"),
    path("delete-organization/", views.delete_organization, name="delete_organization"),
    path("people/<row:contact_id>/erase/", erasures.erase_person, name="erase_person"),
    path("erasures/<row:erasure_id>/", erasures.erasure, name="erasure"),
    path("erasures/<row:erasure_id>/progress/", erasures.erasure_progress, name="erasure_progress"),
    path("erasures/<row:erasure_id>/again/", erasures.retry_erasure, name="retry_erasure"),
    path("people/<row:contact_id>/export/", exports.export_person, name="export_person"),
    path("people/<row:contact_id>/export/progress/", exports.export_progress, name="export_person_progress"),
    path("exports/<row:export_id>/file/", exports.export_file, name="person_export_file"),
    path("exports/<row:export_id>/again/", exports.retry_export, name="retry_person_export"),
]
