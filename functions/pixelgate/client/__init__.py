"""Uploads builds, waits for results and reviews them; the Lambda functions do not use it."""
