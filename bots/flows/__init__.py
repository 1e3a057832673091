"""Flows: what a bot says and asks, as JSON with a schema (`schema.json`, docs/bots-format.md). No models and no settings.

    flow              reads a document: read_flow, messages_in, Flow, InvalidFlow, FORMAT
    documents         strict JSON: read_document, InvalidFlow, MAX_BYTES
    schema            the published schema: SCHEMA
    problems          what is wrong with a flow, in words: Problem
    events            what happens to a conversation: CustomerAnswered, Answer, TimedOut, CallEnded, Event, Facts
    customer_answers  stored messages as answers: read_message
    interpreter       run: (flow, state, event) -> Turn
    actions           what is to be done: Turn, Action, Send, SetField, AddLabels, RemoveLabels, Call, HandOver, Reason, End, and
                      the counts Count, Came, WentOn, Left, HandedOver, FellThrough
    state             the state between two turns: read_time
    messages          API objects of messages: build, file_of
    texts             placeholders and comparison: fold, fill, names_in, PLACEHOLDERS
    starters          flows to start from: STARTERS, Starter

`checks` is a package of its own: check_flow and most_billed_messages.
"""
