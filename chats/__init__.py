"""Conversations with customers: what is received, shown, written and sent.

conversations       which session a message belongs to; messages, statuses, reactions and edits, in order
inbox               the pages of the inbox, and what they read
outbox              the queue of messages, and sending them through the Graph API
media               files of messages
message_templates   texts that Meta approved
text_search         search in the texts of messages
proposals           messages that assistants propose
exports             exports of contacts and conversations
"""
