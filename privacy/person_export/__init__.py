"""The export of everything about one person: a ZIP file with JSON, files, and a page that people can read.

Modules and what other packages use of them:

    export_queue   exports as rows of the worker's lane: LANE, delete_expired_exports, exports_of, is_available, request_export
    archive        writes the ZIP file
    readable_page  the page in it, in the language of the user
"""
