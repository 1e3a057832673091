"""Flows: what a bot says and asks, as JSON with a schema (`schema.json`, docs/bots-format.md). No models and no settings.

    flow              reads a document: read_flow, messages_in, message_problems, Flow, InvalidFlow, FORMAT
    documents         strict JSON: read_document, InvalidFlow, MAX_BYTES
    schema            the published schema: SCHEMA
    problems          what is wrong with a flow, in words: Problem, WORDS
    customer_answers  stored messages as answers: read_message
    messages          API objects of messages: build, file_of
    texts             placeholders and comparison: fold, fill, cut, first_word_in, names_in, PLACEHOLDERS
    calls             web calls with values for their placeholders: filled_url, filled_headers, filled_body
    starters          flows to start from: STARTERS, Starter

`turns` is the interpreter, and `checks` finds problems: check_flow and most_billed_messages.
"""
