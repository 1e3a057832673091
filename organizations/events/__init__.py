"""Events for other systems: what happened, in the transaction in which it happened. The app `events` delivers them.

Modules and what other packages use of them:

    kinds    the kinds of events: EventKind
    outbox   records events: NewEvent, record_events, reports_events
    wishes   which kinds an organization's addresses want, and since when: set_wanted_kinds, mark_as_rebuilt
"""
