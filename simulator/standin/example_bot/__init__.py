"""An example of a webhook bot, as an organization would run it: it answers signed requests of the hub (docs/bots.md) by rules.

Modules and what other packages use of them:

    api     the requests: ExampleBotApi
    rules   the answer to a customer's messages
"""
