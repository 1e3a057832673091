"""Live pages (docs/decisions/0006): a revision of each organization, and the event stream that reports it.

Modules and what other packages use of them:

    revisions      increases the revision of organizations: announce
    event_stream   the event streams of open pages: Streams, session_key_of
"""
