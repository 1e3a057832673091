"""What a drill runs against: a database server, the hub's processes, and connected numbers. Built on `benchmarks.environment`."""
