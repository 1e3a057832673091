"""The export of everything about one person: a ZIP file with JSON, files, and a page that people can read.

Modules and what other packages use of them:

    export_queue   exports as rows of the worker's lane: LANE, BeingErased, available_parts, delete_expired_exports,
                   exports_of, request_export
    archive        what the ZIP file contains
    zip_parts      a ZIP file that is written in parts
    readable_page  the page in it, in the language of the user
"""
