"""Finds the build that another is compared with."""
