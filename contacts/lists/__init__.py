"""Lists of contacts: filters, pages, counts and search.

Modules and what other packages use of them:

    contact_list   pages of contacts: ContactFilters, ContactPage, FixedOrderCursor, ListCount, ListCursor, ListTab, count_lists,
                   count_owners, list_contacts, list_in_fixed_order, read_row_count, waiting_for_person
    cursors        positions in lists: beyond, microseconds, read_time
    search         search by name and phone, and its index of names: FoundContacts, find_contacts, fold_limited, index_names,
                   search_name, search_words_of
    text_folding   texts without case and accents: fold_letter, fold_text
"""
