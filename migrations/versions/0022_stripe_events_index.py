"""An index that finds the Stripe events to forget."""

from migrations.indexes import create_index

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    create_index("stripe_events_applied_at_idx", "stripe_events", "(applied_at)")
