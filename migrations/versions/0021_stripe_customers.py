"""Linking a person to their customer at Stripe, which the API may not write into users by itself."""

from alembic import op

from migrations.api_role import grant_function

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    # Of two checkouts at once the first one's customer stays, and both go on with it.
    op.execute("""
        CREATE FUNCTION public.link_stripe_customer(p_customer_id text, p_instead_of text) RETURNS text
        LANGUAGE sql VOLATILE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$
            UPDATE public.users SET stripe_customer_id = p_customer_id
            WHERE id = auth.uid() AND stripe_customer_id IS NOT DISTINCT FROM p_instead_of;
            SELECT stripe_customer_id FROM public.users WHERE id = auth.uid();
        $$
    """)
    grant_function("link_stripe_customer(text, text)")
