"""The caller's usage in sums, cached."""
