"""An endpoint with OpenAI's interface that answers by rules, without a model. The name of the model chooses how it behaves.

Modules and what other packages use of them:

    api          the requests, as OpenAI's API has them: AiApi
    behaviours   what each model does: docs/simulator.md has the table
    chats        a request for an answer, as it was read
    rules        the answer of a model that does what it should
    words        languages, and the sentences that fit a question: plain_words
    arguments    the arguments of a tool, by its schema
    completions  answers in the form of OpenAI's
"""
