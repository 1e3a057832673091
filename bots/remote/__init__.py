"""What all remote bots have in common: their answers, and why there is none. Only `rights` reads the database.

Modules and what other packages use of them:

    answers     an answer as the hub understands it: RemoteAnswer, RemoteMessage
    exchanges   the result of one request: Exchange, Problem, ToolCall, failed, owner_reason
    failures    what a request without a response means: PROBLEMS, TEMPORARY
    rights      which addresses a request may use: addresses_of, allowed_addresses
"""
