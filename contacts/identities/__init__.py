"""Who a contact is: identifiers, profile names, and contacts that turn out to be one person.

Modules and what other packages use of them:

    resolution           finds or creates the contacts of persons: Absorbed, NamedPerson, flag_conflicts, resolve_contacts
    identifier_changes   applies identity changes: apply_identity_change
    profile_names        profile names in order of time: ProfileNames, record_listed_name, withdraw_names
"""
