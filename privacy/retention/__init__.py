"""Retention: what an organization keeps only for a certain time is deleted by the worker, in small steps.

Modules and what other packages use of them:

    policies  how long an organization keeps what: LIMITS, RetentionPolicy, change_retention, settings_of
    chores    the chores of the worker: prune_organizations, prune_platform_webhooks
    messages  deletes messages with their statuses, files and requests to bots
    files     deletes files of messages: delete_attachments
    webhooks  deletes webhooks that are done
    words     deletes words of the text index whose messages are deleted
"""
