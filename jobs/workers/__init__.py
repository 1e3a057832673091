"""What runs the lanes of a process.

worker          `Lane`, `SideLane`, `AnyLane`, `Chore`, `Worker`, `retry_pause`, `format_without_message`
slices          `SlicedLane`: a lane that a task engine runs for some seconds at a time
lease_renewal   `LeaseRenewal`: renews leases while their work runs
due_times       `DueTimes`: when the rows of several lanes are next due, in one query
round_queue     `RoundQueue`: lanes of one process run one after another
garbage         `rare_collections`: fewer garbage collections while rows are worked on
"""
