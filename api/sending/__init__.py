"""Sending messages by the API.

Modules and what other packages use of them:

    message_kinds   what a request may send, and the API object that it becomes: OUTBOUND_MESSAGE, OutboundMessage,
                    read_outbound_message
    examples        one message of each kind: MESSAGE_EXAMPLES
    services        queues the message: find_sent, send_message
    idempotency     the same key sends once: message_token, request_hash, recorded_hash, IdempotentRequest,
                    KeyReused; the chore delete_old_requests
"""
