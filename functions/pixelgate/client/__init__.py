"""What a client of the bucket does: upload, wait, read, review. Lambda has no part in it."""
