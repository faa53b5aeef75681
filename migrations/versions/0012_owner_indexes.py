"""Indexes that find a person's installations and subscriptions, built without blocking writers."""

from migrations.indexes import create_index

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    create_index("installations_user_id_idx", "installations", "(user_id)")
    create_index("subscriptions_user_id_idx", "subscriptions", "(user_id)")
