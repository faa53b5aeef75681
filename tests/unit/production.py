"""A production stack's outputs, those that every stack has."""

OUTPUTS = {
    "environment": "production",
    "api_url": "https://api.nuggetwise.com",
    "health_url": "https://api.nuggetwise.com/api/health",
    "frontend_url": "https://nuggetwise.com",
    "app_version": "1",
    "image": "sha256:1",
    "schema_revision": "0023",
    "database_url": "postgresql://",
    "redis_url": "rediss://",
    "backup_bucket": "nuggetwise-backups",
}
