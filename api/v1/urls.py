"""URLs of version 1, below /api/v1/."""

from django.urls import path

from api.endpoints.views import NoSuchUrl
from api.openapi.views import schema
from api.v1 import canned_replies, media, message_templates, numbers
from api.v1.administration import (
    automatic_messages,
    bot_trials,
    bots,
    exports,
    members,
    number_settings,
    organization,
    usage,
    webhook_log,
)
from api.v1.contacts import changes, consents, contacts, labels, notes
from api.v1.conversations import conversations, message_actions, messages, proposals, sessions

PEOPLE = [
    path("contacts/", contacts.Contacts.as_view(), name="api_contacts"),
    path("contacts/<str:contact_id>/", contacts.OneContact.as_view(), name="api_contact"),
    path("contacts/<str:contact_id>/notes/", notes.Notes.as_view(), name="api_notes"),
    path("contacts/<str:contact_id>/changes/", changes.ContactChanges.as_view(), name="api_contact_changes"),
    path("notes/<str:note_id>/", notes.OneNote.as_view(), name="api_note"),
    path("contacts/<str:contact_id>/consents/", consents.Consents.as_view(), name="api_consents"),
    path("labels/", labels.Labels.as_view(), name="api_labels"),
    path("labels/<str:label_id>/", labels.OneLabel.as_view(), name="api_label"),
]

CONVERSATIONS = [
    path("conversations/", conversations.Conversations.as_view(), name="api_conversations"),
    path("conversations/<str:contact_id>/", conversations.OneConversation.as_view(), name="api_conversation"),
    path("conversations/<str:contact_id>/take-over/", conversations.TakeOver.as_view(), name="api_take_over"),
    path("conversations/<str:contact_id>/hand-back/", conversations.HandBack.as_view(), name="api_hand_back"),
    path("conversations/<str:contact_id>/done/", conversations.Done.as_view(), name="api_done"),
    path("conversations/<str:contact_id>/reopen/", conversations.Reopen.as_view(), name="api_reopen"),
    path("conversations/<str:contact_id>/read/", conversations.MarkAsRead.as_view(), name="api_read"),
    path("conversations/<str:contact_id>/unread/", conversations.MarkAsUnread.as_view(), name="api_unread"),
    path("conversations/<str:contact_id>/sessions/", sessions.Sessions.as_view(), name="api_sessions"),
    path("conversations/<str:contact_id>/messages/", messages.Messages.as_view(), name="api_messages"),
    path("conversations/<str:contact_id>/proposals/", proposals.Proposals.as_view(), name="api_proposals"),
    path("proposals/<str:proposal_id>/", proposals.OneProposal.as_view(), name="api_proposal"),
]

MESSAGES = [
    path("messages/", message_actions.FoundMessages.as_view(), name="api_found_messages"),
    path("messages/<str:message_id>/", messages.OneMessage.as_view(), name="api_message"),
    path("messages/<str:message_id>/statuses/", message_actions.Statuses.as_view(), name="api_statuses"),
    path("messages/<str:message_id>/send-again/", message_actions.SendAgain.as_view(), name="api_send_again"),
    path("messages/<str:message_id>/mark-as-sent/", message_actions.MarkAsSent.as_view(), name="api_mark_as_sent"),
    path("messages/<str:message_id>/files/", media.MessageFiles.as_view(), name="api_message_files"),
    path("messages/<str:message_id>/files/<int:position>/", media.MessageFileContent.as_view(), name="api_message_file"),
    path(
        "messages/<str:message_id>/files/<int:position>/thumbnail/",
        media.MessageFileThumbnail.as_view(),
        name="api_message_thumbnail",
    ),
    path("media/", media.MediaList.as_view(), name="api_media"),
    path("media/<str:media_id>/", media.OneMedia.as_view(), name="api_one_media"),
    path("media/<str:media_id>/content/", media.MediaContent.as_view(), name="api_media_content"),
    path("message-templates/", message_templates.MessageTemplates.as_view(), name="api_message_templates"),
    path("message-templates/sync/", message_templates.SyncMessageTemplates.as_view(), name="api_message_templates_sync"),
    path("message-templates/<str:template_id>/", message_templates.OneMessageTemplate.as_view(), name="api_message_template"),
    path("canned-replies/", canned_replies.CannedReplies.as_view(), name="api_canned_replies"),
    path("canned-replies/<str:reply_id>/", canned_replies.OneCannedReply.as_view(), name="api_canned_reply"),
]

BOTS = [
    path("bots/", bots.Bots.as_view(), name="api_bots"),
    path("bots/<str:bot_id>/", bots.OneBot.as_view(), name="api_bot"),
    path("bots/<str:bot_id>/publish/", bots.PublishBot.as_view(), name="api_bot_publish"),
    path("bots/<str:bot_id>/unpublish/", bots.UnpublishBot.as_view(), name="api_bot_unpublish"),
    path("bots/<str:bot_id>/try/", bot_trials.TryBot.as_view(), name="api_bot_try"),
    path("bots/<str:bot_id>/versions/", bots.BotVersions.as_view(), name="api_bot_versions"),
    path("bots/<str:bot_id>/versions/<str:version_id>/restore/", bots.RestoreVersion.as_view(), name="api_bot_version_restore"),
]

ADMINISTRATION = [
    path("organization/", organization.OneOrganization.as_view(), name="api_organization"),
    path("numbers/", numbers.Numbers.as_view(), name="api_numbers"),
    path("numbers/<str:number_id>/", number_settings.OneNumber.as_view(), name="api_number"),
    path("numbers/<str:number_id>/resume/", number_settings.ResumeSending.as_view(), name="api_number_resume"),
    path("numbers/<str:number_id>/automatic-messages/", automatic_messages.Automatic.as_view(), name="api_automatic_messages"),
    path("members/", members.Members.as_view(), name="api_members"),
    path("exports/", exports.Exports.as_view(), name="api_exports"),
    path("exports/<str:export_id>/", exports.OneExport.as_view(), name="api_export"),
    path("exports/<str:export_id>/file/", exports.ExportFile.as_view(), name="api_export_file"),
    path("usage/", usage.Usage.as_view(), name="api_usage"),
    path("webhooks/", webhook_log.Webhooks.as_view(), name="api_webhooks"),
    path("webhooks/<str:webhook_id>/", webhook_log.OneWebhook.as_view(), name="api_webhook"),
    path("webhooks/<str:webhook_id>/body/", webhook_log.WebhookBody.as_view(), name="api_webhook_body"),
    path("webhooks/<str:webhook_id>/apply-again/", webhook_log.ApplyAgain.as_view(), name="api_webhook_apply_again"),
]

urlpatterns = [
    path("schema/", schema, name="api_schema"),
    *PEOPLE,
    *CONVERSATIONS,
    *MESSAGES,
    *BOTS,
    *ADMINISTRATION,
    path("<path:rest>", NoSuchUrl.as_view()),
]
