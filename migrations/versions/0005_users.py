"""Users: who they are, their secrets (a password's hash, an encrypted v0 key) and what they pay for."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE public.users (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            email text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
            password_hash text NOT NULL,
            v0_api_key text,
            stripe_customer_id text UNIQUE,
            subscription_status text NOT NULL DEFAULT 'free' CHECK (subscription_status IN (
                'free', 'trialing', 'active', 'past_due', 'canceled', 'incomplete', 'incomplete_expired',
                'unpaid', 'paused'
            )),
            subscription_plan text NOT NULL DEFAULT 'free',
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE UNIQUE INDEX users_email_key ON public.users (lower(email))")
    op.execute("ALTER TABLE public.users ENABLE ROW LEVEL SECURITY")
    op.execute("""
        CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.users
        FOR EACH ROW EXECUTE FUNCTION public.set_updated_at()
    """)
