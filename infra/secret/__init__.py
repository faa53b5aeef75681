"""Secrets that tasks read by their ARNs."""
