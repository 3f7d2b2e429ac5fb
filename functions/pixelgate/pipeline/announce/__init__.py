"""Announces the state of a build: status.json and events."""
