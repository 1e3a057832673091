"""Fuzzing of the receiver, the parser and the lane that applies: random changes to the sample bodies and to requests.

As part of the suite each test takes seconds. `script/fuzz --minutes N` runs them for longer (docs/security.md).
"""
