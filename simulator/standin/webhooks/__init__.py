"""The webhooks that the stand-in sends.

Modules and what other packages use of them:

    payloads            bodies of webhooks: message_body, status_body, template_body
    customer_messages   messages of customers, and what they change: UnsupportedMessage, apply_to_target, build_message
    deliveries          sends webhooks and repeats them: Deliveries, send_request, verify_callback
"""
