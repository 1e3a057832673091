"""Webhook bots: an organization's own program that answers customers, reached by one address. Without a database.

Modules and what other packages use of them:

    settings     the settings of a webhook bot, as its draft and its versions have them: WebhookSettings
    signatures   Standard Webhooks: new_secret, signed_headers, is_signed
    payloads     the body of a request: turn_body, test_body
    answers      the answer in a response or a call-back: read_answer, InvalidAnswer
    posts        sends a request and reads the response: post_request, WebhookPost
"""
