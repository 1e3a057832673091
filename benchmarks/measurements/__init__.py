"""What `benchmarks/run NAME` measures: a module for each, and `yardstick` for the machine itself."""
