"""Pages about one person: the export of their data, and their erasure. For administrators.

forms      the typed confirmation
erasures   views of erasures
exports    views of exports
"""
