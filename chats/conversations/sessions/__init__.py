"""Sessions: which 24 hours of a conversation a message belongs to. Modules and what other packages use of them:

session_rules        the rules, without a database: SessionEffect, session_id
session_assignment   decides the session of stored messages: assign_rows, close_sessions, effect_of, effect_of_kind, reassign
session_expiry       the chore that closes sessions: close_expired_sessions
"""
