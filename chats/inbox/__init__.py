"""The inbox: its pages, and what they read.

Modules and what other packages use of them:

    views            the pages and fragments
    selectors        reads parts of a thread, and the last messages of contacts: failures_of, get_message_or_404,
                     last_messages, list_messages, messages_of, SessionSummary, sessions_of
    bubbles          messages as the template draws them
    fragments        keys of rendered rows and messages that are kept
    owner_band       who is in charge of the open conversation
    owner_sentences  changes of who is in charge
    timeline_lines   notes and changes between messages
    text_formatting  WhatsApp's bold, italic, lists and quotes: as_html, as_plain
    emoji            emoji of the picker, with names
    alerts           unread conversations for title, badge and notifications: UnreadConversations, unread_conversations
    composer         what staff may write, and how it is queued: may_react, resend_token
    forms            forms of the composer and of canned replies
    canned_replies   texts that staff insert: delete_reply, save_reply
"""
