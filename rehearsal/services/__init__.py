"""A stand-in for ECS and CloudWatch Logs, and for what RDS and ElastiCache serve, on the local Docker Engine.

It answers the calls that our own code makes. Behind them a task is a real container of the very image, on a scratch
PostgreSQL and a scratch Valkey, so that exit codes and logs are real. What it is not: a service that should run three
tasks runs one, tasks have no role and no metadata endpoint, and security groups hold nobody back.
"""
