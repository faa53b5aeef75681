"""Reservations of component generations: they count against the quota while v0 is asked, and end by themselves."""

from alembic import op

from migrations.api_role import api_role

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    # Longer than a call to v0 may take; shorter than anyone minds, when the process that made one died.
    op.execute("""
        CREATE TABLE public.generation_reservations (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
            expires_at timestamptz NOT NULL DEFAULT now() + interval '2 minutes'
        )
    """)
    op.execute("""
        CREATE INDEX generation_reservations_user_id_idx ON public.generation_reservations (user_id)
    """)
    op.execute("ALTER TABLE public.generation_reservations ENABLE ROW LEVEL SECURITY")
    op.execute(f"""
        CREATE POLICY own_rows ON public.generation_reservations TO {api_role()}
        USING (user_id = (SELECT auth.uid())) WITH CHECK (user_id = (SELECT auth.uid()))
    """)
    op.execute(f"GRANT SELECT, INSERT, DELETE ON public.generation_reservations TO {api_role()}")
