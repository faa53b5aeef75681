"""The report on pro users: how many components each generated in 30 days."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, LiteralString
from uuid import UUID

from migrations.connection import Connection

DAYS: Final = 30

# The bounds are values, so that planning leaves out all partitions but one or two (three on 1 March, when 30 days reach
# from January over a February of 28). Asked user by user, the index usage_report_idx answers alone, however many rows
# others have.
QUERY: Final[LiteralString] = """
    SELECT u.id, generations.total
    FROM public.users AS u CROSS JOIN LATERAL (
        SELECT coalesce(sum(usage_count), 0)::bigint AS total
        FROM public.usage
        WHERE user_id = u.id AND feature = 'component_generation'
            AND created_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
            AND created_at < %(until)s::date::timestamp AT TIME ZONE 'UTC'
    ) AS generations
    WHERE u.subscription_plan = 'pro'
    ORDER BY generations.total DESC, u.id
"""


def bounds(last: date) -> dict[str, date]:
    """The query's parameters for the 30 days (UTC) of which `last` is the last."""
    return {"since": last - timedelta(days=DAYS - 1), "until": last + timedelta(days=1)}


def report(connection: Connection, last: date) -> Iterator[tuple[UUID, int]]:
    """Each pro user's generations in the 30 days that end with `last`, most first, also those without any."""
    for user_id, total in connection.execute(QUERY, bounds(last)):
        assert isinstance(user_id, UUID)
        assert isinstance(total, int)
        yield user_id, total
