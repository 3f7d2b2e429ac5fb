"""Finds the origin of a build, from the variables of the CI system and from git."""
