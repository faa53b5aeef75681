"""Indexes of usage, built partition by partition without blocking. The last one answers reports alone."""

from migrations.indexes import create_partitioned_index

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    create_partitioned_index("usage_user_id_idx", "usage", "(user_id)")
    create_partitioned_index("usage_created_at_idx", "usage", "(created_at)")
    create_partitioned_index("usage_report_idx", "usage", "(user_id, feature, created_at) INCLUDE (usage_count)")
