"""The page in which an administrator builds a bot.

operations     functions from a draft to a draft: add_step, delete_step, move_step, connect and so on, empty_flow
changes        what an operation changed, for undo
drafts         stores changes of drafts: draft_of, edit_draft, replace_draft, undo, redo, StaleDraft
checks         what is wrong with a draft: check_draft
diagram        draw: a flow as SVG, with counts of its steps, at the positions of layout
cards          what the cards of the page show
steps          the parts of a step. For others: step_types (name_of, STEP_TYPES), messages (MEDIA_KINDS)
forms          the forms of steps
urls           urlpatterns

For the tags of templates: cards (Card, field_id_of) and edits (item_id).
"""
