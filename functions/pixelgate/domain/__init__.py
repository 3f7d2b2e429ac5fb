"""The rules and the values that they work on, without any I/O."""
