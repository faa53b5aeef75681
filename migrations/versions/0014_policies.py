"""Policies: a person sees and changes only their own rows. A subselect asks auth.uid() once, not per row."""

from alembic import op

from migrations.api_role import api_role

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute(f"""
        CREATE POLICY own_rows ON public.users TO {api_role()}
        USING (id = (SELECT auth.uid())) WITH CHECK (id = (SELECT auth.uid()))
    """)
    for table in ("installations", "usage", "subscriptions"):
        op.execute(f"""
            CREATE POLICY own_rows ON public.{table} TO {api_role()}
            USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()))
        """)
