"""The event formats, one decoder for every door, and the partitioner."""
