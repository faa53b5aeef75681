"""Grants: what the API may do at all with the rows that the policies leave to a person."""

from alembic import op

from migrations.api_role import api_role

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute(f"GRANT USAGE ON SCHEMA public TO {api_role()}")
    op.execute(f"""
        GRANT
            SELECT (id, email, v0_api_key, stripe_customer_id, subscription_status, subscription_plan,
                created_at, updated_at),
            UPDATE (email, v0_api_key),
            DELETE
        ON public.users TO {api_role()}
    """)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON public.installations TO {api_role()}")
    op.execute(f"GRANT SELECT, INSERT ON public.usage TO {api_role()}")
    op.execute(f"GRANT SELECT ON public.subscriptions TO {api_role()}")
