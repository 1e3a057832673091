"""The page in which an administrator builds a bot.

operations     functions from a draft to a draft: add_step, delete_step, move_step, connect and so on, empty_flow
drafts         stores changes of drafts: draft_of, edit_draft, replace_draft, undo, redo, StaleDraft
step_types     name_of: the title of a step, or what its type is called
diagram        draw: a flow as SVG, with counts of its steps
"""
