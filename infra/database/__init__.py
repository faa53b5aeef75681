"""PostgreSQL: a container on dev, RDS in the cloud, or one that lives elsewhere."""
