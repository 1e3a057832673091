"""Exports of contacts and conversations: files that the worker writes part by part, and links that end.

Modules and what other packages use of them:

    services         what users ask for: ExportRequest, TooManyExports, available_parts, cancel_export, delete_export, end_exports,
                     exports_of, record_download, retry_export, start_export
    export_lane      the worker lane `LANE` that writes exports
    deletion         deletes the files of ended exports: delete_ended_files, expire_exports
    contact_lines    the contacts of an export
    message_lines    the messages of an export
    message_columns  what a line of messages contains
    chunks           what one step reads
    parts            the parts of a file in the storage: JoinedParts, new_part_name
    downloads        responses with the file of an export: CONTENT, FileUnavailable, export_response, joined_response
    links            signed links to files
    forms, views     the page of exports
"""
