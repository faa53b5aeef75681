"""Sums over the caller's rows of `usage`; whose they are, row-level security decides."""

from typing import Final, LiteralString

from psycopg.rows import class_row, tuple_row

from app.analytics.schemas import Count
from app.database import Database
from app.tokens import Principal

# Answered by the index usage_report_idx alone. The feature's "C" order is the index's own affair, not a language's.
_COUNTS: Final[LiteralString] = """
    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, feature, sum(usage_count) AS usage_count
    FROM public.usage
    WHERE user_id = %(user)s AND created_at >= date_trunc('day', now(), 'UTC') - interval '696 hours'
        AND created_at < date_trunc('day', now(), 'UTC') + interval '24 hours'
    GROUP BY day, feature
    ORDER BY day DESC, feature
"""


async def counts(database: Database, caller: Principal) -> list[Count]:
    """Per feature and day (UTC), of today and the 29 days before."""
    return await database.read_as_user(caller, _COUNTS, {"user": caller.user_id}, class_row(Count))


async def check_token(database: Database, caller: Principal) -> None:
    """Raises Unauthorized when the token was revoked or its user is gone, and Unavailable like every query."""
    await database.read_as_user(caller, "SELECT", {}, tuple_row)
