"""Usage partitions: from last month to a year ahead, by a function that the daily upkeep calls again."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Made apart and then attached: CREATE TABLE … PARTITION OF would lock out every reader of usage.
    # Policies of usage do not guard its partitions: row-level security without a policy closes them.
    op.execute("""
        CREATE FUNCTION public.ensure_usage_partitions(months_ahead integer) RETURNS integer
        LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp
        SET timezone = 'UTC'
        AS $$
        DECLARE
            v_this_month constant timestamptz := date_trunc('month', now());
            v_start timestamptz;
            v_name text;
            v_made integer := 0;
        BEGIN
            FOR v_month IN -1 .. months_ahead LOOP
                v_start := v_this_month + make_interval(months => v_month);
                v_name := 'usage_' || to_char(v_start, 'YYYYMM');
                CONTINUE WHEN to_regclass('public.' || v_name) IS NOT NULL;
                EXECUTE format('CREATE TABLE public.%I '
                    '(LIKE public.usage INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
                EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', v_name);
                EXECUTE format('ALTER TABLE public.usage ATTACH PARTITION public.%I '
                    'FOR VALUES FROM (%L) TO (%L)', v_name, v_start, v_start + interval '1 month');
                v_made := v_made + 1;
            END LOOP;
            RETURN v_made;
        END
        $$
    """)
    op.execute("REVOKE EXECUTE ON FUNCTION public.ensure_usage_partitions(integer) FROM PUBLIC")
    op.execute("SELECT public.ensure_usage_partitions(12)")
