"""One comparison from start to end."""
