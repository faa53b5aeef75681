"""What runs by the clock: the daily backup and upkeep, the weekly restore test."""

CONTAINER = "job"
"""The one container of each such task in the cloud: whose exit code and log an operator looks at (ops/task.py)."""
