"""The outbox sends queued messages to the Graph API, each message once and in the order of its conversation.

The models are in `chats.models.outbox`. Modules and what other packages use of them:

    message_queue   stores a message and queues it: queue_message, may_be_sent_again, try_again, settle, WindowClosed,
                    CannotSendAgain
    rate_limits     Meta's limits for a number and for a pair of number and contact
    sender          the lane of the worker: leases send attempts and calls Graph
    send_results    stores results: accepted, retried with a backoff, failed, uncertain
    read_receipts   tells WhatsApp that staff has read: note_seen
"""
