"""A simulated WhatsApp, to try the hub without an account at Meta (docs/simulator.md).

standin         a stand-in for Meta: Graph, webhooks, and the phones of customers, in a process of its own
client          what the hub asks of it
demonstration   what a new hub shows: an organization, a number, customers and bots
first_steps     the first steps on a new hub
views           the phone page
"""
