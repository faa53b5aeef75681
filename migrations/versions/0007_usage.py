"""Usage: what people did and how often, in partitions of a month (UTC). A row outside them is refused."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE public.usage (
            id uuid NOT NULL DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
            feature text NOT NULL CHECK (feature <> ''),
            usage_count integer NOT NULL DEFAULT 1 CHECK (usage_count >= 1),
            metadata jsonb NOT NULL DEFAULT '{}',
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (id, created_at)
        ) PARTITION BY RANGE (created_at)
    """)
    op.execute("ALTER TABLE public.usage ENABLE ROW LEVEL SECURITY")
