"""Tells what the state of a build is: status.json and events."""
