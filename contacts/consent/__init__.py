"""Consent of customers: what they agreed to and withdrew, and whether they accept marketing messages.

The ledger (`ConsentDecision`) has a row for each decision, whoever reported it: WhatsApp's own switch, a message that WhatsApp
refused, a word such as PARAR, an answer to a bot, the team, or another system. Whether a contact accepts marketing follows from its
rows alone (docs/consent.md).

Modules and what other packages use of them:

    purposes      what people agree to: MARKETING, SERVICE, purpose_label, read_purpose
    words         words that stop and resume marketing: MarketingWords, MAX_WORD, MAX_WORDS, USUAL_WORDS, WORD_KINDS,
                  decision_of_text, fold_message, with_words, words_of
    preferences   choices from webhooks `user_preferences`: ReceivedChoice, choice_key, store_choices, stored_choice_times
    messages      what messages decide: ConsentAnswer, RefusedMessage, WordMessage, record_refusals, store_consent_answers,
                  store_word_decisions
    ledger        the columns of contacts that follow from the rows: MARKETING_COLUMNS, merge_decisions
    services      records what the team or another system knows: ConsentRecord, record_consent
    selectors     what pages and the API show: MarketingRefusal, decisions_of, list_decisions, marketing_allowed, marketing_refusal
    texts         the ledger in words: consent_text, decision_text, refusal_text
    forms         the form of the contact pane: ConsentForm
"""
