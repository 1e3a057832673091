"""What `benchmarks/run NAME` measures: a module for each, those of pages in `screens` and those of bots in `bots`.

`yardstick` measures the machine itself.
"""
