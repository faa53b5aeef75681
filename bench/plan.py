"""What a query's plan did: which relations it read, and how."""

from collections.abc import Iterator, Mapping
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.sql import SQL


class Scan(NamedTuple):
    """The reading of one relation. `rows` and `heap_fetches` are of all its repetitions together."""

    relation: str
    how: str
    rows: int
    heap_fetches: int


class Plan(NamedTuple):
    """An executed plan: its scans, and the milliseconds of planning and execution."""

    scans: list[Scan]
    ms: float

    def of(self, table: str) -> list[Scan]:
        """The scans of a table's partitions."""
        return [scan for scan in self.scans if scan.relation.startswith(f"{table}_")]


def explained(
    connection: psycopg.Connection[tuple[Any, ...]], query: LiteralString, parameters: Mapping[str, object]
) -> Plan:
    """Runs the query and returns what it did."""
    row = connection.execute(SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + SQL(query), parameters).fetchone()
    assert row is not None
    (found,) = row[0]
    return Plan(list(_scans(found["Plan"])), found["Planning Time"] + found["Execution Time"])


def _scans(node: Mapping[str, Any]) -> Iterator[Scan]:
    if "Relation Name" in node:
        rows = round(node["Actual Rows"] * node["Actual Loops"])
        yield Scan(node["Relation Name"], node["Node Type"], rows, node.get("Heap Fetches", 0))
    for child in node.get("Plans", []):
        yield from _scans(child)
