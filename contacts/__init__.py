"""Contacts: the people who write to an organization's numbers.

identities    who a contact is: phone, BSUID, user name, and contacts that turn out to be one person
lists         the lists of conversations and contacts: filters, pages, counts and search
consent       what customers agreed to, and whether they accept marketing messages
csv           imports and exports
tombstones    hashes of erased persons
owners        who is in charge of a conversation. `owner_changes` changes it, `owner_display` shows it
services      what staff do with contacts. `change_log` has the lines and entries about it
"""
