"""Buckets in S3."""
