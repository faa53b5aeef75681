"""The usage partition of one month, whichever: the upkeep makes each in a transaction of its own."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # Returns the name of what it made, and null where there was one.
    # Made apart and then attached: CREATE TABLE … PARTITION OF would lock out every reader of usage.
    # Policies of usage do not guard its partitions: row-level security without a policy closes them.
    op.execute("""
        CREATE FUNCTION public.ensure_usage_partition(p_month date) RETURNS text
        LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp
        SET timezone = 'UTC'
        AS $$
        DECLARE
            v_start constant timestamptz := date_trunc('month', p_month);
            v_name constant text := 'usage_' || to_char(v_start, 'YYYYMM');
        BEGIN
            IF to_regclass('public.' || v_name) IS NOT NULL THEN
                RETURN NULL;
            END IF;
            EXECUTE format('CREATE TABLE public.%I '
                '(LIKE public.usage INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', v_name);
            EXECUTE format('ALTER TABLE public.usage ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                v_name, v_start, v_start + interval '1 month');
            RETURN v_name;
        END
        $$
    """)
    op.execute("REVOKE EXECUTE ON FUNCTION public.ensure_usage_partition(date) FROM PUBLIC")
    # The knowledge of what a partition is stays in one place; a later release may drop this one.
    op.execute("""
        CREATE OR REPLACE FUNCTION public.ensure_usage_partitions(months_ahead integer) RETURNS integer
        LANGUAGE sql
        SET search_path = pg_catalog, pg_temp
        SET timezone = 'UTC'
        AS $$
            SELECT count(public.ensure_usage_partition(month::date))::integer
            FROM generate_series(-1, months_ahead) AS ahead,
                LATERAL (SELECT date_trunc('month', now()) + make_interval(months => ahead)) AS of (month)
        $$
    """)
