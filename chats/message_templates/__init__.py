"""Message templates: texts that Meta approved. They are synced, filled in, created and deleted.

Modules and what other packages use of them:

    accounts          the accounts of an organization: Account, NoUsableNumber, accounts_of, all_accounts, numbers_by_account
    sync              copies templates from Meta: last_sync, request_sync, sync_due_templates, sync_templates
    events            what webhooks report about templates: apply_template_events
    services          creates and deletes templates at Meta: create_template, delete_template, refusal_text
    rules             a new template of staff, and what Meta would refuse of it: DraftButton, DraftProblem,
                      TemplateDraft, draft_problems
    components        texts, fields and buttons of a template: TemplateButton, VariablePosition, fields_of, texts_of,
                      unsupported_reason
    filled_templates  a template with its fields filled in: build_example_preview, build_preview, fill_components,
                      sent_buttons, values_of_parameters, with_definition
    contact_values    values from the contact: values_from_contact
    variables         variables in a text: fill_variables
    forms             Django forms of the editor and the picker: DraftForm, TemplateFieldsForm, length_error, submitted_values
    status_texts      statuses, qualities, reasons and languages as texts: is_metas_reason, language_text, quality_text,
                      reason_text, status_text
"""
