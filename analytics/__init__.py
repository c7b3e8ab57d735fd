"""Returns, contributions and valuations as pure functions: no I/O, no clock, money never a float.

Who calls brings the figures; nothing here reads any. Each module is one subject.
"""
