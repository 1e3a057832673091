"""Message templates: Meta's approved texts, kept up to date, filled in, created and deleted.

Modules and what other packages use of them:

    accounts          the accounts of an organization: Account, NoWay, accounts_of, all_accounts, numbers_by_account
    sync              copies templates from Meta: ask_soon, last_try, sync_due_templates, sync_templates
    events            what webhooks report about templates: apply_template_events
    services          creates and deletes templates at Meta: create_template, delete_template, refusal_words
    rules             what Meta accepts in a new template
    components        parts, variables and buttons of a template: parts_of, why_not
    filled_templates  a template with its variables filled in: components_for, example, preview
    contact_values    values from the contact: values_from_contact
    variables         variables in a text: filled
    forms             forms of the editor and the picker: DraftForm, FillForm, length_words, typed
    status_texts      states, qualities, reasons and languages in words: is_metas_reason, language_words, quality_words,
                      reason_words, status_words
"""
