"""Live pages (docs/decisions/0006): a revision of each organization, and the event streams that send it to open pages.

Modules and what other packages use of them:

    revisions      increases the revision of organizations: publish_revisions
    event_stream   the event streams of open pages: EventStreams, find_session_key
"""
