"""Search in the texts of messages (docs/decisions/0014).

Modules and what other packages use of them:

    words     words of a text and of a search: SearchQuery, find_match, index_words
    index     updates the text index: index_texts
    results   finds messages: TextHits, find_texts
"""
