"""Revoked tokens, by their jti, until they would have expired anyway."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE public.revoked_tokens (
            jti uuid PRIMARY KEY,
            expires_at timestamptz NOT NULL,
            revoked_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX revoked_tokens_expires_at_idx ON public.revoked_tokens (expires_at)")
    op.execute("ALTER TABLE public.revoked_tokens ENABLE ROW LEVEL SECURITY")
