"""Applying a Stripe event: once, never backwards, through to what the user is entitled to."""

from alembic import op

from migrations.api_role import grant_function

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    # An event for an unknown customer is not kept, so that Stripe's next delivery of it can still be applied.
    op.execute("""
        CREATE FUNCTION public.apply_subscription_event(
            p_event_id text, p_event_created timestamptz, p_event_type text, p_customer_id text,
            p_subscription_id text, p_plan text, p_status text, p_period_start timestamptz,
            p_period_end timestamptz
        ) RETURNS text
        LANGUAGE plpgsql VOLATILE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        AS $$
        DECLARE
            v_user_id uuid;
            v_rank constant smallint := CASE p_event_type
                WHEN 'customer.subscription.created' THEN 0
                WHEN 'customer.subscription.deleted' THEN 2
                ELSE 1 END;
        BEGIN
            SELECT id INTO v_user_id FROM public.users
            WHERE stripe_customer_id = p_customer_id FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RETURN 'unknown_customer';
            END IF;

            INSERT INTO public.stripe_events (id, type, created_at)
            VALUES (p_event_id, p_event_type, p_event_created)
            ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                RETURN 'duplicate';
            END IF;

            INSERT INTO public.subscriptions AS s (
                user_id, stripe_subscription_id, plan, status, current_period_start, current_period_end,
                last_event_at, last_event_rank
            ) VALUES (
                v_user_id, p_subscription_id, p_plan, p_status, p_period_start, p_period_end,
                p_event_created, v_rank
            )
            ON CONFLICT (stripe_subscription_id) DO UPDATE SET
                plan = excluded.plan,
                status = excluded.status,
                current_period_start = excluded.current_period_start,
                current_period_end = excluded.current_period_end,
                last_event_at = excluded.last_event_at,
                last_event_rank = excluded.last_event_rank
            WHERE (s.last_event_at, s.last_event_rank) <= (excluded.last_event_at, excluded.last_event_rank);
            IF NOT FOUND THEN
                RETURN 'stale';
            END IF;

            PERFORM public.refresh_entitlement(v_user_id);
            RETURN 'applied';
        END
        $$
    """)
    # A late event of a subscription long ended must not take away what a living one gives.
    op.execute("""
        CREATE FUNCTION public.refresh_entitlement(p_user_id uuid) RETURNS void
        LANGUAGE sql VOLATILE
        SET search_path = pg_catalog, pg_temp
        AS $$
            UPDATE public.users AS u
            SET subscription_status = best.status,
                subscription_plan = CASE WHEN best.entitled THEN best.plan ELSE 'free' END
            FROM (
                SELECT status, plan, status IN ('trialing', 'active', 'past_due') AS entitled
                FROM public.subscriptions
                WHERE user_id = p_user_id
                ORDER BY entitled DESC, last_event_at DESC, last_event_rank DESC
                LIMIT 1
            ) AS best
            WHERE u.id = p_user_id
        $$
    """)
    op.execute("REVOKE EXECUTE ON FUNCTION public.refresh_entitlement(uuid) FROM PUBLIC")
    grant_function(
        "apply_subscription_event(text, timestamptz, text, text, text, text, text, timestamptz, timestamptz)"
    )
