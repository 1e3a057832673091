"""The inbox: its pages, and what they read.

Modules and what other packages use of them:

    views            the pages and fragments
    selectors        reads a thread and the last messages of a list
    bubbles          a message as the template draws it: preview, written
    timeline_lines   notes and changes between messages
    text_formatting  WhatsApp's bold, italic, lists and quotes: as_html, as_plain
    emoji            emoji of the picker, with names
    alerts           unread conversations for title, badge and notifications: Unread, unread_conversations
    composer         what staff may write, and what is done with it
    forms            forms of the composer and of canned replies
    canned_replies   texts that staff inserts
"""
