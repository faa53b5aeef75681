"""Indexes built without blocking writers, in steps that can be cut short anywhere and run again."""

from alembic import context, op
from sqlalchemy import text

from migrations.log import log

LEFTOVER = text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:index)")

# A partition made after the parent's index came with its own.
UNINDEXED_PARTITIONS = text("""
    SELECT child.relname
    FROM pg_inherits AS branch JOIN pg_class AS child ON child.oid = branch.inhrelid
    WHERE branch.inhparent = to_regclass(:parent) AND NOT EXISTS (
        SELECT FROM pg_index AS i JOIN pg_inherits AS attached ON attached.inhrelid = i.indexrelid
        WHERE i.indrelid = child.oid AND attached.inhparent = to_regclass(:index)
    )
    ORDER BY child.relname
""")


def create_index(name: str, table: str, columns: str) -> None:
    """Create an index of a plain table; must be all that its revision does."""
    with op.get_context().autocommit_block():
        _build(name, table, columns)


def create_partitioned_index(name: str, parent: str, columns: str) -> None:
    """Create an index of a partitioned table: on the parent alone and each partition."""
    with op.get_context().autocommit_block():
        op.execute(f"""
            -- squawk-ignore require-concurrent-index-creation -- the parent alone has no rows to read
            CREATE INDEX IF NOT EXISTS {name} ON ONLY public.{parent} {columns}
        """)
        for partition in _unindexed_partitions(parent, name):
            child = f"{partition}_{name.removeprefix(parent + '_')}"
            _build(child, partition, columns)
            op.execute(f"ALTER INDEX public.{name} ATTACH PARTITION public.{child}")


def _build(name: str, table: str, columns: str) -> None:
    # Both wait for old transactions by locks, in nobody's way: cutting that short would only leave it invalid.
    op.execute("SET lock_timeout = 0")
    if _is_invalid(name):
        log(f"  {name} was left invalid by a run that was cut short: it is built anew")
        op.execute(f"DROP INDEX CONCURRENTLY public.{name}")
    op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON public.{table} {columns}")
    op.execute("RESET lock_timeout")


def _is_invalid(index: str) -> bool:
    if context.is_offline_mode():
        return False
    return bool(op.get_bind().scalar(LEFTOVER, {"index": f"public.{index}"}))


def _unindexed_partitions(parent: str, index: str) -> list[str]:
    if context.is_offline_mode():
        # Printed SQL shows one partition where a run finds them all.
        return [f"{parent}_yyyymm"]
    names = {"parent": f"public.{parent}", "index": f"public.{index}"}
    return [str(partition) for partition in op.get_bind().scalars(UNINDEXED_PARTITIONS, names)]
