"""Installations: the MCP configurations that people install."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE public.installations (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
            status text NOT NULL DEFAULT 'pending'
                CHECK (status IN ('pending', 'installing', 'active', 'failed')),
            mcp_config jsonb NOT NULL,
            error_message text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("ALTER TABLE public.installations ENABLE ROW LEVEL SECURITY")
    op.execute("""
        CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.installations
        FOR EACH ROW EXECUTE FUNCTION public.set_updated_at()
    """)
