"""Conversations: which session a message belongs to, and storing messages, statuses, reactions and edits in order.

Modules and what other packages use of them:

    persons              contacts of the persons that items name: apply_identity_changes, identity_change_of, store_persons,
                         with_contacts
    inbound_messages     stores received messages: UnknownMessage, store_messages
    contact_columns      columns of a contact that come from its messages: recompute_after_deletion,
                         recompute_contacts
    sessions             which session a message belongs to, a package of its own
    conversation_events  events for other systems: ReachedStatus, contact_states, record_sent, record_statuses
    statuses             stores statuses and moves messages forward: apply_refusals, apply_stored_statuses, store_statuses
    pruned_items         items about messages that are kept no longer: without_pruned_messages, without_pruned_statuses
    unmatched_statuses   statuses of unknown messages: delete_old_unmatched
    reactions_and_edits  what a reaction, edit or deletion changes: ACTION_KINDS, SEARCHABLE_COLUMNS, apply_to_targets,
                         searchable_text
    read_state           read marks and unread counts: first_unread, mark_as_read, mark_as_unread, needs_reading
    done_and_blocked     decisions of staff: block, mark_as_done, reopen, unblock
    ownership            who is in charge: take_over, hand_back, person_answers, is_overtaken, recompute_after_withdrawal
    bot_turns            what bots have to answer: restore_answers, start_turns, restart_turn
    timeline             messages, notes and changes in order of time: EPOCH, MESSAGE, ThreadPart, ThreadPosition, TimelineLine,
                         changes_of, in_time_order, latest_part, microseconds, newest_lines, oldest_lines
"""
