"""Finds the snapshots among the files that a test runner leaves."""
