"""Reads what is published in a bucket, for clients and for the review site; writes reviews."""
