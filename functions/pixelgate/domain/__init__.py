"""The rules and the data they speak of: no I/O."""
