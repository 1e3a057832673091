"""Applies stored webhooks: parse, route to numbers, resolve contacts, store messages, statuses and events.

Modules and what other packages use of them:

    pipeline       the lanes of the worker and the phases of an item: LANES
    item_batches   reads the items of leased webhooks
    router         finds the number and the organization of each item
    held_items     items that cannot be applied yet: count_held_items, max_held_items, release_proven_items,
                   release_waiting_items
    hold_reasons   why items are held, as codes and in words: translate_reason
    tombstoned_items  leaves out what was sent before its person was erased
    erased_bodies  erases a person in a stored body: erase_in_webhook
    log_ownership  which organization may see a webhook in its log
    replay         applies webhooks again: make_webhook_due, replay, webhooks_since
    rebuild        deletes what came from webhooks and applies the whole log again: Rebuild, TakenOver
"""
