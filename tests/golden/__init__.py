"""Worked examples that others have published."""
