"""Where builds and results are kept: S3, DynamoDB and folders."""
