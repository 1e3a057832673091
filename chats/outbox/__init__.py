"""The outbox sends queued messages to the Graph API, each message once and in the order of its conversation.

The models are in `chats.models.outbox`. Modules and what other packages use of them:

    message_queue   stores a message and queues it: queue_message, can_resend, resend_message, mark_as_sent, WindowClosed,
                    CannotResend; many messages of bots: BotMessage, queue_bot_messages
    marketing       marketing templates to customers who do not accept them: MarketingRefused, TemplateName, check_marketing,
                    marketing_templates
    rate_limits     Meta's limits for a number and for a pair of number and contact: reserve_slots, pause_number, pair_delay
    sender          the worker lane `LANE`: leases send attempts and calls Graph
    send_results    stores the results of attempts: accepted, retried with a backoff, failed, uncertain
    read_receipts   the worker lane `LANE`: sends read receipts to WhatsApp. queue_read_receipt
"""
