"""The Lambda functions: one file each, an event in, one call of the pipeline, an answer out."""
