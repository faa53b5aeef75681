"""Supabase grants every new table and function in public to its own roles: not here."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        DO $$
        DECLARE
            v_revoke constant text := 'ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON';
            v_role name;
        BEGIN
            FOR v_role IN
                SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')
            LOOP
                EXECUTE format('%s TABLES FROM %I', v_revoke, v_role);
                EXECUTE format('%s FUNCTIONS FROM %I', v_revoke, v_role);
            END LOOP;
        END
        $$
    """)
