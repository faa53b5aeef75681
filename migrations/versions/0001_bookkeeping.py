"""What the runner remembers: the checksum of every applied revision, next to alembic_version."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE public.migration_history (
            revision text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            applied_by_release text NOT NULL
        )
    """)
    # No policies: nobody but the owner, even where a host's default privileges have granted access.
    op.execute("ALTER TABLE public.migration_history ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE public.alembic_version ENABLE ROW LEVEL SECURITY")
