"""Accepts webhooks: reads the body, checks the signature, stores it in a group commit, acknowledges.

Modules and what other packages use of them:

    receiver          the ASGI application: Receive, Receiver, Scope, Send
    request_bodies    reads bodies within limits of memory and time
    signature_cache   recently used secrets, and the check of signatures
    group_commit      one commit for all bodies that arrive meanwhile
    storage           inserts bodies into the raw log
    client_addresses  the address of a client behind proxies
    database_groups   runs a group in its own database connection
"""
