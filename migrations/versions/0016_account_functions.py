"""Registration and login: the two things done to users before anyone is logged in."""

from alembic import op

from migrations.api_role import grant_function

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION public.register_user(p_email text, p_password_hash text)
        RETURNS TABLE (
            id uuid, email text, subscription_status text, subscription_plan text, has_v0_api_key boolean,
            created_at timestamptz
        )
        LANGUAGE sql VOLATILE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$
            INSERT INTO public.users AS u (email, password_hash)
            VALUES (p_email, p_password_hash)
            RETURNING u.id, u.email, u.subscription_status, u.subscription_plan, u.v0_api_key IS NOT NULL,
                u.created_at
        $$
    """)
    op.execute("""
        CREATE FUNCTION public.find_login(p_email text)
        RETURNS TABLE (
            id uuid, password_hash text, email text, subscription_status text, subscription_plan text,
            has_v0_api_key boolean, created_at timestamptz
        )
        LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$
            SELECT u.id, u.password_hash, u.email, u.subscription_status, u.subscription_plan,
                u.v0_api_key IS NOT NULL, u.created_at
            FROM public.users AS u
            WHERE lower(u.email) = lower(p_email)
        $$
    """)
    grant_function("register_user(text, text)")
    grant_function("find_login(text)")
