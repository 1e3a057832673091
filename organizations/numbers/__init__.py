"""Numbers of an organization: set-up, ownership, state, and what Meta reports about them.

Modules and what other packages use of them:

    registration          connects a number and replaces its secrets: connect_number, Connection, NotConnected,
                          create_first_superuser, meta_id, opened, phone_digits, replace_secrets
    setup                 the steps of the set-up in the browser: Heard, InUse, Step, add_number, change_ids, make_verify_token,
                          needed_secrets, note_handshake, note_heard, set_default_profile, set_name, set_read_receipts,
                          switch_number
    ownership             which organization a number belongs to: AlreadyConnected, NumberMoved, OwnedElsewhere, former_holders,
                          free_id, has_rows, is_moved_to, key_for, move_replaced, prove, refuse_moved, refuse_owned_account,
                          withdraw_proof
    credential_checks     asks Graph whether secrets are valid: SecretRefused, Stored, check_proofs, store_secrets
    secret_states         what pages show of secrets: previous_secret_state, secret_state
    states                one word for how a number is doing: NumberState, state_of
    suspension            stops and resumes sending: calls_of, has_current_token, needs_token, note_it_sends, note_token,
                          pause_sending, resume_sending, stop_sending
    graph                 a Graph client with the number's token: graph_for, with_secrets
    inbound_items         an item on its way through the phases: InboundItem, Kind, ReceivedWebhook, items_of_kind
    account_events        stores what webhooks report: store_account_events
    account_ids           sets the accounts of numbers: set_account_ids
    account_event_texts   these reports in words: in_words, quality
    selectors             what pages read: latest_account_events, overviews, quality_events, states_of, with_has_secrets
    forms                 forms of a number: DefaultsForm, NameForm, NumberIdsForm, ReceiptsForm, SecretsForm, SwitchForm
"""
