"""Writes the commit status and the comment of a pull request."""
