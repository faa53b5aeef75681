"""Forgetting Stripe events that will not come again."""

from alembic import op

from migrations.api_role import grant_function

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    # Stripe tries for three days, and lets an event be sent again by hand for thirty. One that came even later would
    # change nothing: the subscription remembers the time of the newest.
    op.execute("""
        CREATE FUNCTION public.sweep_stripe_events() RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$
            DELETE FROM public.stripe_events WHERE id IN (
                SELECT id FROM public.stripe_events
                WHERE applied_at < now() - interval '45 days'
                ORDER BY applied_at LIMIT 100 FOR UPDATE SKIP LOCKED
            );
        $$
    """)
    grant_function("sweep_stripe_events()")
