"""Benchmarks, kept apart from the tests: they measure and judge, they do not pass or fail."""
