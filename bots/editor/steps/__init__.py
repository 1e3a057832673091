"""The parts of a step, as the page of the editor names and makes them.

Modules and what other packages use of them:

    step_types    types of steps: STEP_TYPES, StepType, invalid_message, name_of, new_step, text_message
    messages      messages of steps: MEDIA_KINDS, MESSAGE_TYPES, choose_file, choose_source, convert_message
    conditions    conditions of branches: CONDITIONS, new_condition
    outputs       the ways on from a step: Document, Output, Step, choices_of, choices_of_step, get_at, outputs_of, remove_at,
                  replace_targets, set_at, set_target
    placeholders  what can be inserted into texts: placeholders_of, variables_of
"""
