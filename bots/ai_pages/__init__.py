"""The pages of an AI: where it is reached, what it must know, which web calls it may make, what it may use, and its proofs.

Modules and what other packages use of them:

    urls            urlpatterns
    proof_lane      the lane in which AIs answer the questions of proofs: LANE
    selectors       reads AIs for pages: Ai, changed_settings, facts, get_ai_or_404, label_names,
                    list_versions
    services        changes the draft, the connection and the limits: DraftChanged, TooManyTools, check_connection, delete_tool,
                    key_state, save_connection, save_limits, save_settings, save_tool
    proofs          questions and their runs: RunUnderWay, TooManyProofs, ask_question, delete_proof, latest_question, save_proof,
                    start_run, summarize_proofs
    proof_checks    what is wrong with an answer: fault_text, faults_of
    usage           what an AI has used: UsageDay, last_days, usage_of_today
    money           amounts of money as people read them: money_text
    setting_names   the names of settings in words: SETTING_NAMES
"""
