"""Conversations and their messages by version 1 of the API.

Modules and what other packages use of them:

    conversations    the list, one conversation, and who answers it: ConversationSerializer, Conversations, OneConversation,
                     TakeOver, HandBack, Done, Reopen, MarkAsRead, MarkAsUnread
    sessions         sessions of a conversation: Sessions
    messages         reading and sending messages: MessageSerializer, Messages, OneMessage, message_context
    message_actions  search in texts, and what can be done with one message: FoundMessages, Statuses, SendAgain, MarkAsSent
    proposals        messages that a person approves in the inbox: Proposals, OneProposal
"""
