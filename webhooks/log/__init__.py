"""The webhook log of an organization: its pages, and the queries for them.

Modules and what other packages use of them:

    selectors  reads the log: HeldItemLine, LogFilter, LogLine, held_items, list_webhooks, unmatched_messages
    views      the pages
"""
