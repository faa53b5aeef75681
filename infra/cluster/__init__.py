"""The ECS cluster, and what every task in it has in common."""
