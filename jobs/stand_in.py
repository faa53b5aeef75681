"""auth.uid() where a dump does not bring it, since it was made in a database that has its own (Supabase's)."""

from typing import Final

from psycopg.sql import SQL, Identifier

from migrations.connection import Connection

_SCHEMA: Final = """
    CREATE SCHEMA IF NOT EXISTS auth;
    CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
        SELECT coalesce(
            nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', ''),
            nullif(current_setting('request.jwt.claim.sub', true), '')
        )::uuid
    $$
"""


def stand_in(admin: Connection, *roles: str) -> None:
    """Makes what policies ask, as somebody other than the owner, for the roles that use it."""
    admin.execute(_SCHEMA)
    for role in roles:
        admin.execute(SQL("GRANT USAGE ON SCHEMA auth TO {}").format(Identifier(role)))
