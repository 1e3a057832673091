"""Contacts by version 1 of the API.

Modules and what other packages use of them:

    contacts  the list, one contact, and changing it: ContactSerializer, Contacts, ConversationQuery, OneContact, read_page,
              with_labels
    changes   what was changed about a contact: ContactChanges
    consents  what a person agreed to: Consents
    labels    labels of the organization: Labels, OneLabel
    notes     notes of a contact: Notes, OneNote
"""
