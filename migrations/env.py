"""Alembic's environment: `migrations.attempt` hands it a connection, `migrations.rendering` wants SQL."""

from typing import Any

from alembic import context

attributes = context.config.attributes
options: dict[str, Any] = {
    "api_role": attributes["api_role"],
    "on_version_apply": attributes["on_version_apply"],
    "transaction_per_migration": True,
    "version_table_schema": "public",
}

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, literal_binds=True, **options)
else:
    context.configure(connection=attributes["connection"], **options)

with context.begin_transaction():
    context.run_migrations()
