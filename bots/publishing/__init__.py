"""Bots as a whole: creating, publishing and assigning them to numbers. No page here edits the steps of a flow.

Modules and what other packages use of them:

    services      creates, renames, imports, exports and deletes bots: BotInUse, audited_url, create_bot, create_webhook_bot,
                  create_ai, delete_bot, export_flow, import_flow, key_of, lock_bot, numbers_naming, read_name, record_bot,
                  replace_draft
    versions      drafts become versions: CannotPublish, IncompleteSettings, check_before_lock, check_document, flow_problems,
                  publish_bot, restore_version, unpublish_bot
    settings_checks  what keeps a webhook bot or AI from being published: address_problem, tool_problem, settings_problems
    changes       the differences of two flows: ChangedStep
    assignments   which bot answers at a number: assign_bot, find_number_bot, remove_bot
    contact_switches  lets a bot answer the contacts of the team, as a lane: LANE, start_switch
    selectors     reads bots for pages: count_failed_conversations, get_bot_or_404, is_draft_changed
    urls          urlpatterns
"""
