"""The inbox, below /o/<organization>/inbox/."""

from django.urls import path

from chats.inbox.views import alerts, composer, conversation, conversation_state, files, inbox, notes, ownership, template_picker

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("rows/", inbox.rows, name="inbox_rows"),
    path("texts/", inbox.texts, name="inbox_texts"),
    path("emoji/", composer.emoji, name="emoji"),
    path("unread/", alerts.unread, name="unread"),
    path("notifications/", alerts.notifications, name="notifications"),
    path("<row:contact_id>/", inbox.inbox, name="conversation"),
    path("<row:contact_id>/conversation/", conversation.conversation, name="conversation_pane"),
    path("<row:contact_id>/thread/", conversation.thread, name="thread"),
    path("<row:contact_id>/contact/", conversation.contact_pane, name="contact_pane"),
    path("<row:contact_id>/read/", conversation.mark_read, name="conversation_read"),
    path("<row:contact_id>/done/", conversation_state.done, name="conversation_done"),
    path("<row:contact_id>/unread/", conversation_state.unread, name="conversation_unread"),
    path("<row:contact_id>/block/", conversation_state.block, name="conversation_block"),
    path("<row:contact_id>/notes/", notes.notes, name="contact_notes"),
    path("<row:contact_id>/take-over/", ownership.take_over, name="take_over"),
    path("<row:contact_id>/hand-back/", ownership.hand_back, name="hand_back"),
    path("<row:contact_id>/composer/", composer.composer, name="composer"),
    path("<row:contact_id>/window/", composer.window, name="conversation_window"),
    path("<row:contact_id>/send/", composer.send, name="send_answer"),
    path("<row:contact_id>/canned/", composer.canned, name="canned_for_contact"),
    path("<row:contact_id>/templates/", template_picker.picker, name="template_picker"),
    path("<row:contact_id>/templates/<row:template_id>/", template_picker.fill, name="template_fill"),
    path("<row:contact_id>/templates/<row:template_id>/preview/", template_picker.show, name="template_preview"),
    path("<row:contact_id>/templates/<row:template_id>/send/", template_picker.send, name="template_send"),
    path("<row:contact_id>/messages/<row:message_id>/raw/", conversation.raw, name="message_raw"),
    path("<row:contact_id>/messages/<row:message_id>/file/", files.file, name="message_file"),
    path("<row:contact_id>/messages/<row:message_id>/thumbnail/", files.thumbnail, name="message_thumbnail"),
    path("<row:contact_id>/messages/<row:message_id>/react/", composer.reactions, name="message_reactions"),
    path("<row:contact_id>/messages/<row:message_id>/again/", composer.again, name="message_again"),
    path("<row:contact_id>/messages/<row:message_id>/settle/", composer.arrived, name="message_settle"),
]
