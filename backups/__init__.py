"""Backups of the hub, the archive of webhooks, and restoring from both (docs/operations.md, docs/decisions/0023).

Packages and modules; no other package imports this one:

    tables           rows of all tables as files, and back: a snapshot of the database
    stored_files     the files of messages that a backup contains
    backup_folders   the folder that holds backups, and the manifest of each: ManifestError
    backups          makes a backup: make_backup
    webhook_archive  the continuous copy of the raw log, of erasures and of deletions of organizations
    after_restore    what a restored database must not do again, and what was erased since
    restores         restores a backup: RestoreRefused, restore_backup
    progress         how long commands show what they do
"""
