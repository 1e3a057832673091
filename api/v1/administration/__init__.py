"""What administrators do by version 1 of the API. Most of it needs the scope `manage`.

Modules and what other packages use of them:

    organization        the organization itself: OneOrganization
    number_settings     one number and its switches: OneNumber, ResumeSending
    automatic_messages  the switches of a number's automatic messages: Automatic
    bots                bots and their versions: Bots, OneBot, PublishBot, UnpublishBot, BotVersions, RestoreVersion
    bot_trials          a conversation with a draft: TryBot
    webhook_log         the raw log: Webhooks, OneWebhook, WebhookBody, ApplyAgain
    members             members of the organization: Members
    exports             files with contacts or messages: Exports, OneExport, ExportFile
    usage               messages per day: Usage
"""
