"""Finishes what was left undone, and deletes what nothing refers to."""
