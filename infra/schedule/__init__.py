"""What runs by the clock: the daily backup and upkeep, the weekly restore test."""
