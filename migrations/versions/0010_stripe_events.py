"""Stripe events that were already applied: Stripe delivers each at least once."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE public.stripe_events (
            id text PRIMARY KEY,
            type text NOT NULL,
            created_at timestamptz NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("ALTER TABLE public.stripe_events ENABLE ROW LEVEL SECURITY")
