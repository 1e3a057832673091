"""Accepts webhooks: reads the body, checks the signature, stores it in a group commit, acknowledges.

Modules and what other packages use of them:

    receiver          the ASGI application: Receiver, ClientDisconnected
    request_bodies    reads bodies within limits of memory and time
    signature_cache   checks signatures, and remembers recently used secrets
    group_commit      one commit for all bodies that arrive meanwhile
    storage           inserts bodies into the raw log
    client_addresses  the address of a client behind proxies
    database_groups   runs database work for a group, and splits a group that fails
"""
