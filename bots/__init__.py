"""Who answers: automatic messages and flow bots. A person can always step in (docs/bots.md).

Packages:

    flows         the format of flows, their problems, and the interpreter. Without a database
    answering     computes and queues the answers of a turn: the lanes of the worker
    automatic     automatic messages and business hours of a number
    editor        the page in which an administrator builds a bot
    publishing    bots and their versions, the numbers that use them, trying a draft, dry runs
    files         files that messages of bots and automatic messages send
    web_requests  requests to addresses that users typed
    insight       how many customers came to each step
"""
