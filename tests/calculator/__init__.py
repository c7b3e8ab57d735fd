"""The calculator, module by module."""
