"""The commit status and the comment at a pull request."""
