"""The pages of webhook bots, and the log of requests to remote bots: webhook bots and AIs.

Modules and what other packages use of them:

    forms            the form of a webhook bot
    services         saves webhook bots, renews their secrets and sends tests
    circuit_display  how requests to a bot are doing, in words: describe_circuit
    request_log      reads the log
    request_display  a request in words
    urls             urlpatterns
"""
