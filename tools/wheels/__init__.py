"""Builds and tries the wheels."""
