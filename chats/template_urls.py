"""Message templates of an organization, below /o/<organization>/settings/templates/."""

from django.urls import path

from chats.inbox.views import message_templates

urlpatterns = [
    path("", message_templates.templates, name="templates"),
    path("rows/", message_templates.rows, name="template_rows"),
    path("sync/", message_templates.sync, name="templates_sync"),
    path("new/", message_templates.new, name="new_template"),
    path("new/draft/", message_templates.draft, name="template_draft"),
    path("<row:template_id>/", message_templates.template, name="template"),
    path("<row:template_id>/delete/", message_templates.delete, name="template_delete"),
]
