"""Durable work in the database: leases, retries, the worker and transactions (docs/decisions/0002).

models          `LeasedRow`, `LeasedQuerySet`, `Lease`: rows as a queue. `ChoreRun`: when each chore last started
workers         what runs the lanes of a process, a package of its own
wakeups         `wake`, `wake_after_commit`, `add_listener`: hints that rows are due. `WakeUps` receives them
transactions    `run_in_transaction`, `in_transaction`, `is_away`, `is_contention`, `is_temporary`
batches         `apply_batch`: one bad row does not affect the others
bulk_writes     `insert_rows`, `insert_missing_rows`, `insert_or_add`, `update_rows`, `update_groups`, `update_columns`: many
                rows in one statement
index_hints     `read_by_index`: the index that MariaDB and MySQL use for a list
replicas        `replica_reads`, `ReplicaLost`: reads from a replica of the database
tracing         `log_ids`, `current_ids`, `trace`, `is_tracing`, `span`: ids in log lines, the trace of a message,
                and where time goes
histograms      `observe_all`: many values of a Prometheus histogram at once
"""
