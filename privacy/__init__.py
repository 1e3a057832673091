"""The law about personal data (docs/privacy.md): erasing and exporting one person, retention, and the end of an organization.

erasure            erases one person from everything that the hub stores
person_export      everything about one person, as a ZIP file
person_pages       the pages of both
retention          deletes what is kept for a certain time only
organization_end   deletes an organization for good, after a time in which it can be cancelled
pages              the page of the data protection officer
export_deletion    stops exports of one person, and deletes their files
shared_files       which stored files no other row has
related_rows       the rows that belong to contacts, of all models
"""
