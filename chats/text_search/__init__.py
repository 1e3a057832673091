"""Search in the texts of messages (docs/decisions/0014).

Modules and what other packages use of them:

    words     words of a text and of a search: Wanted, place_in
    index     keeps the index of words up to date: index_texts
    results   finds messages: Hits, find_texts
"""
