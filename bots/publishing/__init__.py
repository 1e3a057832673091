"""Bots as a whole: creating, publishing and assigning them to numbers, and trying a draft. No page here edits the steps of a flow.

Modules and what other packages use of them:

    services      creates, renames, imports, exports and deletes bots: create_bot, export_flow, import_flow, key_of
    versions      drafts become versions: CannotPublish, flow_problems, publish_bot
    changes       the differences of two flows: ChangedStep
    assignments   which bot answers at a number: assign_bot, find_number_bot, switch_contacts
    selectors     reads bots for pages: count_failed_conversations
    trial         a conversation with a flow, without a database
    trial_facts   what a trial knows about the customer and the number
    trial_display the lines of a trial in words and bubbles
    tryout        the try-out beside the editor, whose state the page keeps
    dry_runs      replays stored conversations with a flow
    dry_run_queue dry runs as rows of the worker's lane: LANE
    urls          urlpatterns
"""
