"""Lists of contacts: filters, pages, counts and search.

Modules and what other packages use of them:

    contact_list   one page of contacts: Cursor, Filters, Tally, View, list_contacts, rows_shown, tallies
    search         by name and phone, and the index of names: Found, find_contacts, index_names, normalized
    text_folding   texts without case and accents: fold_letter, folded
"""
