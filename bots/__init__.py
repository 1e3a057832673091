"""Who answers: automatic messages and flow bots. A person can always step in (docs/bots.md).

Packages:

    flows         the format of flows, their problems, and the interpreter. Without a database
    answering     computes and queues the answers of a turn: the lanes of the worker
    automatic     automatic messages and business hours of a number
    editor        the page in which an administrator builds a bot
    publishing    bots and their versions, the numbers that use them
    trials        trying a draft, dry runs
    flow_ais      the AIs that flows may ask
    files         files that messages of bots and automatic messages send
    web_requests  requests to addresses that users typed
    remote        what webhook bots and AIs have in common: answers, and why there is none
    webhook_bots  the protocol of webhook bots: requests, signatures, answers
    callbacks     the address to which webhook bots post later answers
    insight       how many customers came to each step
"""
