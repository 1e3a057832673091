"""Contacts, below /o/<organization>/contacts/."""

from django.urls import path

from contacts.views import consents, contact, contact_table, exports, imports

urlpatterns = [
    path("", contact_table.contacts, name="contacts"),
    path("rows/", contact_table.rows, name="contact_rows"),
    path("new/", contact.new_contact, name="new_contact"),
    path("bulk/", contact_table.bulk, name="contacts_bulk"),
    path("import/", imports.import_contacts, name="contacts_import"),
    path("import/template/", exports.import_template, name="contacts_import_template"),
    path("import/<row:import_id>/", imports.contact_import, name="contact_import"),
    path("import/<row:import_id>/columns/", imports.columns, name="contact_import_columns"),
    path("import/<row:import_id>/progress/", imports.progress, name="contact_import_progress"),
    path("import/<row:import_id>/begin/", imports.begin, name="contact_import_begin"),
    path("import/<row:import_id>/again/", imports.again, name="contact_import_again"),
    path("import/<row:import_id>/cancel/", imports.cancel, name="contact_import_cancel"),
    path("export/", exports.export_contacts, name="contacts_export"),
    path("<row:contact_id>/switch/", contact.switch, name="contact_switch"),
    path("<row:contact_id>/automatic/", contact.automatic, name="contact_automatic"),
    path("<row:contact_id>/alias/", contact.rename, name="contact_alias"),
    path("<row:contact_id>/consents/", consents.consents, name="contact_consents"),
    path("<row:contact_id>/labels/", contact.give_labels_to, name="contact_labels"),
    path("<row:contact_id>/notes/<row:note_id>/delete/", contact.delete_note, name="contact_note_delete"),
]
