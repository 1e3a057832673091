"""Forms of steps. A form is a list of descriptions of fields, each of which says how to show the field and how to read it.

fields      Field, Item, ItemList, Section, Part, Option, Posted; fields_in, key_of, read_fields, read_number, split_words
step_forms  the form of each type of step: form_of, form_context, FormContext, ANSWER_KINDS
"""
