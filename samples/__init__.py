"""The sample that ships with the project: six portfolios over six years, and their generator."""
