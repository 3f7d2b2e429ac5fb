"""Adapters for EventBridge, Step Functions, SQS and Secrets Manager, and the meter of costs."""
