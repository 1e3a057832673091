"""Django admin of users, organizations, numbers and queued e-mails, and what the admin of all packages shares.

Modules and what other packages use of them:

    model_admins   base classes: HubModelAdmin, LargeTableAdmin, ReadOnlyAdmin; and secret_columns, selected_ids
    display        HTML of cells and fields: badge, compact_json, format_time, html_table, indented_json, list_link, preformatted,
                   row_link, time_column
"""

from organizations.admin import audit, mail, memberships, numbers, organizations, site, users

__all__ = ["audit", "mail", "memberships", "numbers", "organizations", "site", "users"]
