"""Trying a bot without sending anything: a chat with its draft, and dry runs over stored conversations.

Modules and what other packages use of them:

    trial            a conversation with a flow, without a database: Trial
    facts            what a trial knows about the customer and the number
    line_display     the lines of a trial in words and bubbles: ShownLine, show_lines
    message_display  what a phone shows of a message: show_message
    tryout           the try-out beside the editor, whose state the page keeps: Surroundings, Tryout, dump_tryout, load_tryout,
                     run_script, start_tryout, surroundings_of, tap, values_of
    dry_runs         replays stored conversations with a flow
    dry_run_queue    dry runs as rows of the worker's lane: LANE
    urls             urlpatterns
"""
