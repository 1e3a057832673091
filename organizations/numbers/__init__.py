"""Numbers of an organization: set-up, ownership and state.

Modules and what other packages use of them:

    registration          connects a number and replaces its secrets: CannotConnect, ConnectedNumber, connect_number, parse_meta_id,
                          parse_phone, replace_secrets
    setup                 the steps of the set-up in the browser: NumberInUse, Step, add_number, change_ids, replace_verify_token,
                          required_secrets, set_default_profile, set_name, set_read_receipts, switch_number
    activity              when webhooks about a number were received: NumberActivity, record_activity, record_verification
    ownership             which organization a number belongs to: AlreadyConnected, NumberMoved, OwnedElsewhere, former_holders,
                          has_rows, is_move_target, move_replaced, phone_number_id_for, prove_ownership, raise_if_account_owned,
                          raise_if_moved, release_id, withdraw_proof
    credential_checks     asks Graph whether secrets are valid: SecretRefused, StoredSecrets, check_ownerships, store_secrets,
                          store_throughput
    number_secrets        reads secrets, and what pages show of them: previous_secret_state, read_secret, secret_state
    audit_entries         entries of the audit log about numbers: record_columns, record_number
    states                one word for how a number is doing: NumberState, derive_state
    suspension            stops, pauses and resumes sending: claim_probe, clear_stop, graph_calls, has_current_token, needs_token,
                          pause_sending, record_token_result, resume_sending, stop_sending
    graph                 a Graph client with the number's token: graph_for, load_with_secrets
    inbound_items         an item on its way through the phases: InboundItem, Kind, ReceivedWebhook, items_of_kind
    selectors             what pages read: annotate_has_secrets, derive_states
    forms                 forms of a number: DefaultsForm, NameForm, NumberIdsForm, ReceiptsForm, SecretsForm, SwitchForm
"""
