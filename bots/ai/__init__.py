"""AIs: language models behind an interface like OpenAI's, that answer customers by instructions. Without a database.

Modules and what other packages use of them:

    settings    what an AI must know and may do, as its draft and its versions have it: AiSettings, Tool, Parameter
    tokens      estimates of tokens and money: estimate_tokens, cost_micros
    questions   a question to a model: Dialogue, StepTask, PastMessage
    prompts     the messages that a model gets
    tools, web_tools     what a model may call, and what the calls mean: BUILT_IN
    languages   whether an answer is in an allowed language
    completions the requests and responses of OpenAI's interface
    client      an endpoint, and its check: AiEndpoint, check_endpoint
    openai_client        asks a model through the `openai` package and the checks of `bots.web_requests`
    dialogues   asks a model until it has answered: ask_model, prompt_tokens
"""
