"""Messages as the thread and the lists show them.

Modules and what other packages use of them:

    thread_bubbles  the messages of a thread: Bubble, build_bubbles, day_label
    contents        the template and the context of each kind of content
    message_texts   the text of a message, or the words for its kind: written_text
    previews        a message in one line: preview, author_label
    failures        why a message failed or is uncertain
    bot_traces      why a bot sent a message
"""
