"""Subscriptions: what Stripe last said about each, and when, so that an older event changes nothing."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Stripe stamps events by the second: the rank orders created, updated and deleted within one.
    op.execute("""
        CREATE TABLE public.subscriptions (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
            stripe_subscription_id text NOT NULL UNIQUE,
            plan text NOT NULL,
            status text NOT NULL CHECK (status IN (
                'trialing', 'active', 'past_due', 'canceled', 'incomplete', 'incomplete_expired', 'unpaid',
                'paused'
            )),
            current_period_start timestamptz,
            current_period_end timestamptz,
            last_event_at timestamptz NOT NULL,
            last_event_rank smallint NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("ALTER TABLE public.subscriptions ENABLE ROW LEVEL SECURITY")
    op.execute("""
        CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.subscriptions
        FOR EACH ROW EXECUTE FUNCTION public.set_updated_at()
    """)
