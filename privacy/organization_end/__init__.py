"""The end of an organization: its deletion is requested, can be cancelled for some time, and is then carried out by the worker.

Modules and what other packages use of them:

    requests       requests and cancels the deletion: DeletionGone, InactiveOrganization, cancel_deletion,
                   pending_deletion, request_deletion
    chore          the chore that deletes: delete_organizations
    rows           deletes every row that belongs to an organization, whatever its table: delete_rows_of
    users          removes the users that were members of no other organization
    late_webhooks  what arrived for its numbers while it was deleted
"""
