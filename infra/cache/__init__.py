"""Valkey: a container on dev, ElastiCache in the cloud, or one that lives elsewhere."""
