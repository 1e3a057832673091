"""API keys of an organization: its page for administrators, and what creates, finds and counts keys.

Modules and what other packages use of them:

    services     creates, finds and revokes keys: create_key, find_key, read_scopes, revoke_key, KeyExists,
                 UnknownScope
    rate_limits  counts the requests of a key: RequestCount, count_request
    forms        the form of a new key
    views        the page
"""
