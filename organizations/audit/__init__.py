"""The audit log (docs/audit.md): who did what, before and after, when and from where.

Modules and what other packages use of them:

    log           writes entries, in the transaction of the action: record_action, record_actions, record_bulk_action,
                  record_user_action, new_entry, differences
    actions       what can be done: AuditAction
    context       who acts, and from where, for the code below a request or a command: Actor, act_as, acting_key,
                  current_context, requested_by, set_actor
    seals         links entries into chains, for the worker: seal_entries
    verification  finds the first entry of a chain that was changed or removed: BrokenEntry, Verification, verify_chain
    retention     removes old entries: remove_old_entries, set_audit_days
    selectors     what the page reads: AuditCursor, AuditFilters, list_entries
    descriptions  entries in words: add_choices, describe_entry, target_label
    forms         filters of the page, and how long entries are kept: AuditFilterForm, RetentionForm
    middleware    sets the context of requests
    commands      the base class of commands that are recorded: OperatorCommand
"""
