"""Meta's webhooks: they are stored as received, and then applied (docs/architecture.md "How a message travels").

intake       accepts a webhook: signature, group commit, acknowledgement
processing   applies stored webhooks, and rebuilds from them
log          the webhook log of an organization
models       the raw log, and the items that wait or failed
"""
