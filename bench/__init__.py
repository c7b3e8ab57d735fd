"""Benchmarks: how fast the system is, beside what limits it. `python -m bench` runs them all."""
