"""What a schema is, as digests that are the same wherever it is restored: names are written out, owners left out."""

import hashlib
from collections.abc import Iterable
from typing import Final, LiteralString

from psycopg.sql import SQL

from migrations.connection import Connection

SESSION: Final = "SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'"

PARTS: Final = {
    "me": SQL("(SELECT oid FROM pg_roles WHERE rolname = current_user)"),
    "relations": SQL("""(
        SELECT c.*, c.oid::regclass::text AS name FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm')
            AND c.relpersistence <> 't' AND pg_get_userbyid(c.relowner) = current_user
    )"""),
    # Whoever is granted it, as columns of an exploded list.
    "granted": SQL("""
        CASE WHEN grantee = 0 THEN 'public' WHEN pg_get_userbyid(grantee) = current_user THEN 'owner'
            ELSE pg_get_userbyid(grantee) END,
        privilege_type, is_grantable
    """),
}
QUERIES: Final[dict[str, LiteralString]] = {
    "tables": """
        SELECT r.relkind, r.name, rank() OVER (PARTITION BY r.oid ORDER BY a.attnum), a.attname,
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            pg_get_expr(d.adbin, d.adrelid)
        FROM {relations} AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
    """,
    "partitions": """
        SELECT i.inhparent::regclass::text, r.name, pg_get_expr(r.relpartbound, r.oid), pg_get_partkeydef(i.inhparent)
        FROM {relations} AS r JOIN pg_inherits AS i ON i.inhrelid = r.oid WHERE NOT i.inhdetachpending
    """,
    "row security": "SELECT name, relrowsecurity, relforcerowsecurity FROM {relations} AS r",
    "policies": """
        SELECT r.name, p.polname, p.polcmd, p.polpermissive, ARRAY(
                SELECT CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END FROM unnest(p.polroles) AS role
                ORDER BY 1
            ), pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        FROM {relations} AS r JOIN pg_policy AS p ON p.polrelid = r.oid
    """,
    # Whoever is above the policies would make nothing of them.
    "roles": """
        SELECT CASE rolname WHEN current_user THEN 'owner' ELSE rolname END, rolsuper, rolbypassrls, rolcreaterole,
            rolcreatedb
        FROM pg_roles WHERE rolname = current_user OR oid IN (
            SELECT unnest(polroles) FROM {relations} AS r JOIN pg_policy ON polrelid = r.oid
        )
    """,
    "grants": """
        SELECT 'relation', name, {granted}
        FROM {relations} AS r, aclexplode(coalesce(relacl, acldefault('r', relowner)))
        UNION ALL
        SELECT 'column', name || '.' || attname, {granted}
        FROM {relations} AS r JOIN pg_attribute ON attrelid = r.oid, aclexplode(attacl)
        UNION ALL
        SELECT 'function', f.oid::regprocedure::text, {granted}
        FROM pg_proc AS f, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE proowner = {me}
        UNION ALL
        SELECT 'schema', nspname, {granted}
        FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) WHERE nspowner = {me}
    """,
    "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proowner = {me} AND prokind IN ('f', 'p')",
    "indexes": """
        SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisprimary
        FROM {relations} AS r JOIN pg_index AS i ON i.indrelid = r.oid
    """,
    # What a partition has from its parent is named anew when it is restored.
    "constraints": """
        SELECT r.name, c.conname, pg_get_constraintdef(c.oid), c.convalidated
        FROM {relations} AS r JOIN pg_constraint AS c ON c.conrelid = r.oid WHERE c.conparentid = 0
    """,
    "triggers": """
        SELECT r.name, t.tgenabled, pg_get_triggerdef(t.oid)
        FROM {relations} AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    """,
    "views": "SELECT name, pg_get_viewdef(oid) FROM {relations} AS r WHERE relkind IN ('v', 'm')",
    # Not where each has come to: that is in no snapshot.
    "sequences": """
        SELECT seqrelid::regclass::text, seqtypid::regtype::text, seqstart, seqincrement, seqmin, seqmax, seqcycle
        FROM pg_sequence JOIN pg_class AS c ON c.oid = seqrelid WHERE c.relowner = {me}
    """,
    "types": """
        SELECT t.oid::regtype::text, t.typtype, ARRAY(
            SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder
        )
        FROM pg_type AS t WHERE t.typowner = {me} AND t.typtype IN ('d', 'e')
    """,
}


def facts(connection: Connection) -> dict[str, str]:
    """A digest for each part of what the session's role owns. It changes the session's search path."""
    connection.execute(SESSION)
    return {name: _digest(connection.execute(SQL(query).format(**PARTS)).fetchall()) for name, query in QUERIES.items()}


def _digest(lines: Iterable[object]) -> str:
    # Sorted here: servers sort texts by their own locales.
    return hashlib.sha256("\n".join(sorted(map(repr, lines))).encode()).hexdigest()[:16]
