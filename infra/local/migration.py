"""Where a stack deployed before the rooms were named by noun looks for its migrations step, when it is destroyed."""

from infra.migration.local import MigrationProvider

__all__ = ["MigrationProvider"]
