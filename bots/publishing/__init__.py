"""Bots as a whole: creating, publishing and assigning them to numbers, and trying a draft. No page here edits the steps of a flow.

Modules and what other packages use of them:

    services      creates, renames, imports, exports and deletes bots: create_bot, rename_bot, import_flow, export_flow, delete_bot,
                  BotInUse
    versions      drafts become versions: publish_bot, unpublish_bot, restore_version, draft_problems, CannotPublish
    changes       the differences of two flows
    assignments   which bot answers at a number: assign_bot, find_number_bot, refresh_numbers
    selectors     reads bots for pages
    trial         a conversation with a flow without a database: Trial
    dry_runs      replays stored conversations with a flow
    dry_run_queue dry runs as rows of the worker's lane: LANE
"""
