"""Erases one person from everything that the hub stores (docs/privacy.md).

The request takes the identifiers off the contact at once and writes tombstones, so that a new message makes a new contact. A lane
of the worker erases the rest in small steps, each in a transaction that may be repeated.

Modules and what other packages use of them:

    requests     starts an erasure: AlreadyErasing, contacts_of_person, is_being_erased, request_erasure
    person       what identifies the person, until the erasure is finished
    messages     messages, their statuses and files
    words        words of the text index that only the person used
    raw_log      the stored webhooks
    leftovers    statuses, account events, events for other systems, imports, exports and admin's log
    contacts     the contact and all rows that belong to it
    lane         the steps, for the worker: LANE
"""
