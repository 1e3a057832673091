"""The inbox, below /o/<organization>/inbox/."""

from django.urls import path

from chats.views import conversation, inbox

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("rows/", inbox.rows, name="inbox_rows"),
    path("texts/", inbox.texts, name="inbox_texts"),
    path("<row:contact_id>/", inbox.inbox, name="conversation"),
    path("<row:contact_id>/conversation/", conversation.conversation, name="conversation_pane"),
    path("<row:contact_id>/thread/", conversation.thread, name="thread"),
    path("<row:contact_id>/contact/", conversation.contact_pane, name="contact_pane"),
    path("<row:contact_id>/read/", conversation.mark_read, name="conversation_read"),
    path("<row:contact_id>/messages/<row:message_id>/raw/", conversation.raw, name="message_raw"),
]
