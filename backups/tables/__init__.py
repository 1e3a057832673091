"""Rows of all tables as files, whatever the database: a backup of SQLite can be restored into MySQL.

Modules and what other packages use of them:

    columns    values of columns in a file: Column, columns_of
    snapshots  a connection that sees the database as it was at one time: database_time, open_snapshot
    rows       reads and writes the rows of a table: TableFile, backed_up_models, count_rows, digest_of, dump_table, file_of,
               load_table
    row_ids    ids that no row gets again: skip_ids
"""
