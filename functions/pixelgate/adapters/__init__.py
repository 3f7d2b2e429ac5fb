"""Where the pipeline's ports meet the world: S3, DynamoDB, folders, and memory for tests."""
