"""The database schema: its revisions and the runner that applies them (`python -m migrations --help`).

What is exported here needs neither Alembic nor SQLAlchemy, so that asking is cheap.
"""

from migrations.revisions import digest, head

__all__ = ["digest", "head"]
