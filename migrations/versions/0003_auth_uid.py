"""auth.uid(): whose request a transaction serves, which is all that policies ask. Supabase brings it."""

from alembic import op

from migrations.api_role import api_role

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(f"""
        DO $$
        BEGIN
            IF to_regnamespace('auth') IS NULL THEN
                CREATE SCHEMA auth;
                GRANT USAGE ON SCHEMA auth TO {api_role()};
            END IF;
            IF to_regprocedure('auth.uid()') IS NULL THEN
                CREATE FUNCTION auth.uid() RETURNS uuid
                LANGUAGE sql STABLE
                SET search_path = pg_catalog, pg_temp
                AS $body$
                    SELECT coalesce(
                        nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', ''),
                        nullif(current_setting('request.jwt.claim.sub', true), '')
                    )::uuid
                $body$;
            END IF;
        END
        $$
    """)
