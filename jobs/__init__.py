"""Durable work in the database: leases, retries, the worker and transactions (docs/decisions/0002).

models          `LeasedRow`, `LeasedQuerySet`, `Lease`: rows as a queue
worker          `Lane`, `SideLane`, `Chore`, `Worker`
transactions    `run_in_transaction`, `in_transaction`, `is_away`, `is_contention`
batches         `apply_batch`: one bad row does not affect the others
inserting       many rows in one statement
wakeups         `wake`, `wake_after_commit`: hints that rows are due
"""
