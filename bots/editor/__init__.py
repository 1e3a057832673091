"""The page in which an administrator builds a bot.

operations     functions from a draft to a draft: add_step, delete_step, move_step, connect and so on, empty_flow
drafts         stores changes of drafts: draft_of, edit_draft, replace_draft, undo, redo, StaleDraft
checks         what is wrong with a draft: check_draft
diagram        draw: a flow as SVG, with counts of its steps
step_types     what people call steps: name_of, STEP_TYPES
urls           urlpatterns

For the tags of templates: cards (Card, field_id_of), edits (item_id) and messages (MEDIA_KINDS).
"""
