"""What happens to a restored database before the hub runs again.

Modules and what other packages use of them:

    unfinished_work  what was under way when the backup was made is not repeated: count_unfinished, end_unfinished_work
    past_answers     bots, reminders and events leave out what happened before: keep_bots_silent, report_nothing, resume_reports,
                     skip_reminders
    erasures         persons who were erased since are erased again: erase_again
    deletions        deletions of organizations that were requested or carried out since: apply_deletions
    webhooks         webhooks that arrived since are stored again, and applied: apply_webhooks, store_archived
"""
