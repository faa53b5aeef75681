"""Revoking a token, and asking whether one is revoked."""

from alembic import op

from migrations.api_role import grant_function

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    # Each logout sweeps a few expired rows; the ten minutes allow for replicas whose clocks differ.
    op.execute("""
        CREATE FUNCTION public.revoke_token(p_jti uuid, p_expires_at timestamptz) RETURNS void
        LANGUAGE sql VOLATILE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$
            INSERT INTO public.revoked_tokens (jti, expires_at) VALUES (p_jti, p_expires_at)
            ON CONFLICT DO NOTHING;
            DELETE FROM public.revoked_tokens WHERE jti IN (
                SELECT jti FROM public.revoked_tokens
                WHERE expires_at < now() - interval '10 minutes'
                ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
            );
        $$
    """)
    op.execute("""
        CREATE FUNCTION public.token_revoked(p_jti uuid) RETURNS boolean
        LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$ SELECT EXISTS (SELECT FROM public.revoked_tokens WHERE jti = p_jti) $$
    """)
    grant_function("revoke_token(uuid, timestamptz)")
    grant_function("token_revoked(uuid)")
