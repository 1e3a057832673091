"""Conversations: which session a message belongs to, and storing messages, statuses, reactions and edits in order.

Modules and what other packages use of them:

    sessions             the rules of sessions, without a database: session_id
    session_assignment   decides the session of stored messages
    inbound_messages     stores received messages: record_messages, Arrival, contacts_of, correct_phone_times, move_conversation,
                         remember_what_stays, times_of
    statuses             stores statuses and moves messages forward: record_statuses, StatusArrival
    unmatched_statuses   statuses of unknown messages: forget_old_unmatched
    reactions_and_edits  what a reaction, edit or deletion changes: text_said
    read_state           read marks and unread counts: first_unread, mark_as_read, mark_as_unread, to_be_read
    done_and_blocked     what staff decides about a conversation
    session_expiry       the chore that closes sessions: close_expired_sessions
    timeline             messages, notes and changes in the order of time: Cut, Line, Place, cut, in_time_order,
                         newest_lines, oldest_lines
"""
