"""Organizations, their members and their numbers, and what all pages need: permissions, sign-in, live updates.

members            organizations, their members and invitations
numbers            numbers: set-up, ownership and state
account_events     what Meta reports about accounts and numbers
number_watch       warnings about numbers
business_profile   the profile of a number, as customers see it
credentials        secrets of numbers, signatures and encryption
login              how users sign in
permissions        who may see and do what
live               the event streams of open pages
events             what happened, for other systems
audit              the audit log
call_slots         calls to other servers while somebody waits for the result: AI_CHECK_SLOTS, CallsBusy, GRAPH_SLOTS
"""
