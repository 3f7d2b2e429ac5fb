"""What the index of a project tells about the time that has passed: pure functions over `Past`."""
