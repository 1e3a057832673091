"""The REST API for other systems (docs/api.md), below /api/v1/.

v1          what each URL takes and returns
endpoints   what all URLs have in common: views, cursors, fields, ids
access      who may use it: programs with a key, and signed-in staff
keys        the keys of an organization, and how much they are used
sending     messages that programs send, each once
media       files that programs upload
errors      errors as problem documents
openapi     the OpenAPI document, and the page that shows it
"""
