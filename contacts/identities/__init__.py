"""Who a contact is: identifiers, names on WhatsApp, and contacts that turn out to be one person.

Modules and what other packages use of them:

    resolution           finds or creates the contacts of persons in webhooks: resolve, Sighting
    identifier_changes   applies identity changes: change_identity
    profile_names        names from WhatsApp, in the order of time: ToldNames, withdraw_names
    marketing_choices    that a person stopped or resumed marketing messages: ToldChoice, first_times, join_choices, key_of,
                         note_choices
"""
