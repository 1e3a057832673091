"""The address to which webhook bots post later answers: `POST /bots/callbacks/<key of the request>/`. Programs use it, not people.

Modules:

    views, urls   the address. `bots.answering.callbacks` checks and stores the answer
"""
