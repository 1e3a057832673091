"""Applies stored webhooks: parse, route to numbers, resolve contacts, store messages, statuses and events.

Modules and what other packages use of them:

    pipeline       the lane of the worker, from the leased rows to the stored items
    router         finds the number and the organization of each item
    held_items     items that cannot be applied yet: count_unapplied, most_unapplied
    tenants        which organization may see a webhook in its log
    hold_reasons   reasons in words: translated
    replay         applies webhooks again, and rebuilds what came from them
"""
