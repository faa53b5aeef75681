"""What the tables accept, and how they are laid out."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL

from .conftest import Connection, Person


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO installations (user_id, mcp_config, status) VALUES (%s, '{}', 'broken')",
        "INSERT INTO usage (user_id, feature, usage_count) VALUES (%s, 'install', 0)",
        "INSERT INTO usage (user_id, feature, created_at) VALUES (%s, 'install', '2001-01-01')",
        "UPDATE users SET subscription_status = 'rich' WHERE id = %s",
        "UPDATE subscriptions SET status = 'rich' WHERE user_id = %s",
    ],
)
def test_nonsense_is_refused(statement: LiteralString, owner: Connection, alice: Person) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(statement, [alice.id])


def test_an_installation_begins_pending(owner: Connection, alice: Person) -> None:
    assert owner.execute("SELECT status FROM installations WHERE user_id = %s", [alice.id]).fetchone() == ("pending",)


@pytest.mark.parametrize("moment", ["now() - interval '1 month'", "now()", "now() + interval '12 months'"])
def test_usage_has_partitions_from_last_month_to_a_year_ahead(
    moment: LiteralString, owner: Connection, alice: Person
) -> None:
    insert = SQL("INSERT INTO usage (user_id, feature, created_at) VALUES (%s, 'install', {})")
    assert owner.execute(insert.format(SQL(moment)), [alice.id]).rowcount == 1


def test_making_partitions_again_makes_only_those_that_are_missing(owner: Connection) -> None:
    with owner.transaction(force_rollback=True):
        assert owner.execute("SELECT ensure_usage_partitions(12)").fetchone() == (0,)
        assert owner.execute("SELECT ensure_usage_partitions(14)").fetchone() == (2,)


def test_a_month_s_partition_is_made_once_whichever_day_names_it(owner: Connection) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL timezone = 'Pacific/Auckland'")
        assert owner.execute("SELECT ensure_usage_partition('2020-02-29')").fetchone() == ("usage_202002",)
        assert owner.execute("SELECT ensure_usage_partition('2020-02-01')").fetchone() == (None,)
        owner.execute("SET LOCAL timezone = 'UTC'")
        bound = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = 'usage_202002'::regclass"
        assert owner.execute(bound).fetchone() == (
            "FOR VALUES FROM ('2020-02-01 00:00:00+00') TO ('2020-03-01 00:00:00+00')",
        )


def test_a_new_partition_is_as_closed_and_as_indexed_as_the_others(owner: Connection) -> None:
    shape = """
        SELECT c.relrowsecurity, count(*), count(*) FILTER (WHERE i.indisvalid), c.relacl
        FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid
        WHERE c.oid IN (SELECT relid FROM pg_partition_tree('usage') WHERE isleaf)
        GROUP BY c.oid
    """
    with owner.transaction(force_rollback=True):
        owner.execute("SELECT ensure_usage_partitions(13)")
        assert set(owner.execute(shape)) == {(True, 4, 4, None)}


def test_partitions_begin_with_utc_months_whatever_the_session_s_time_zone(owner: Connection) -> None:
    bounds = """
        SELECT DISTINCT substring(pg_get_expr(relpartbound, oid) FROM $$FROM \\('\\d{4}-\\d\\d-(.*)'\\) TO$$)
        FROM pg_class WHERE oid IN (SELECT relid FROM pg_partition_tree('usage') WHERE isleaf)
    """
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL timezone = 'Pacific/Auckland'")
        owner.execute("SELECT ensure_usage_partitions(13)")
        owner.execute("SET LOCAL timezone = 'UTC'")
        assert owner.execute(bounds).fetchall() == [("01 00:00:00+00",)]


def test_indexes_are_those_of_the_design_and_all_valid(owner: Connection) -> None:
    rows = owner.execute("""
        SELECT c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), '.* USING btree ', '')
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND NOT i.indisunique
    """)
    assert set(rows) == {
        ("installations", "(user_id)"),
        ("usage", "(user_id)"),
        ("usage", "(created_at)"),
        ("usage", "(user_id, feature, created_at) INCLUDE (usage_count)"),
        ("subscriptions", "(user_id)"),
        ("generation_reservations", "(user_id)"),
        ("revoked_tokens", "(expires_at)"),
        ("stripe_events", "(applied_at)"),
    }
    assert owner.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
