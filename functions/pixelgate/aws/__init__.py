"""Other services of AWS: EventBridge, Step Functions, SQS, secrets, and what a run costs there."""
