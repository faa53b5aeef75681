"""The schema's revision, for the API to ask: it is ready only on a schema not older than its own."""

from alembic import op

from migrations.api_role import grant_function

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION public.schema_revision() RETURNS text
        LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$ SELECT version_num FROM public.alembic_version $$
    """)
    grant_function("schema_revision()")
