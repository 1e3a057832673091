"""The OpenAPI document of the API, and the page that shows it.

Modules and what other packages use of them:

    document   the document: openapi_document, document_json
    reference  the document as the page shows it: read_reference
    views      the document's URL, and the page
"""
