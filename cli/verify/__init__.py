"""Books everything again with the calculator alone, and compares what the system says."""
