"""The contract a second time: written from its text alone, as slow and as plain as it can be.

Nothing in here imports the project, so that what both say is said by two.
"""
