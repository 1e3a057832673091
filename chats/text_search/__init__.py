"""Search in what messages say: the index of their words, which the worker fills, and the search in it.

`index.index_texts` is the worker's chore, `hits.find_texts` the search, `words.mark` shows what was found.
"""
