"""Tombstones: keyed hashes of the identifiers of erased persons, which stop what was sent before the erasure.

Modules and what other packages use of them:

    models     the rows: Tombstone
    digests    the key of an organization, and the hashes: digests_of, new_tombstone_key
    selectors  which items are of erased persons: ErasedPeriods, load_erased_periods
    services   writes tombstones: add_tombstones, restore_tombstones
"""
