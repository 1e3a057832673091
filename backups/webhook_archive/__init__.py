"""The archive of webhooks: what a backup that is restored later lacks, copied continuously into files.

Meta keeps no webhook that was acknowledged. The archive has each within seconds, with the tombstones of erased persons (keyed
hashes) and the deletions of organizations, so that neither comes back.

    state.json                       when the archive began, and the last webhook that needs no second look
    2026-11-27T03-00-00.jsonl.gz     lines of JSON: {"webhook": …}, {"erasures": …}, {"deletion": …}

Each file begins with all erasures and deletions, so older files may be deleted. A webhook may be in the archive twice.

Modules and what other packages use of them:

    records   lines of the archive: DeletionRecord, ErasureRecord, webhook_from_line
    writer    copies what is new: ArchiveInUse, ArchiveWriter
    reader    reads an archive: Archive, ArchiveError
"""
