"""The rehearsed cloud: what exists in it, kept in one SQLite file that several processes may open at once."""

import json
import sqlite3
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS records (
    type TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL,
    urn TEXT NOT NULL,
    inputs TEXT NOT NULL,
    outputs TEXT NOT NULL,
    buried TEXT,
    PRIMARY KEY (type, region, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (
    number INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    operation TEXT NOT NULL,
    kind TEXT NOT NULL,
    seconds REAL NOT NULL,
    times INTEGER NOT NULL
);
"""
COLUMNS = "type, region, id, urn, inputs, outputs"

# How long a write waits for another process's; each lasts milliseconds.
LONGEST_WAIT = 30.0


class Missing(LookupError):
    """There is no such record; the text says which."""


class Taken(LookupError):
    """A record of that type, region and id is there already."""


@dataclass(frozen=True)
class Record:
    """One thing in the cloud. `type` is Pulumi's token, the properties carry the provider's own names (camelCase).

    `region` is empty where a service has none; `urn` is empty for what was made outside of Pulumi.
    """

    type: str
    id: str
    region: str = ""
    urn: str = ""
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """Pulumi's logical name."""
        return self.urn.rpartition("::")[2]


Records = list[Record]
Rows = list[tuple[Any, ...]]


class Cloud:
    """The records of one file. Safe to use from several threads: each gets a connection of its own."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        # It holds the secrets of the rehearsed stack in clear.
        self.path.touch(mode=0o600, exist_ok=True)
        self._local = threading.local()
        self._connection.executescript("PRAGMA journal_mode = WAL;" + TABLES)

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=LONGEST_WAIT, isolation_level=None)
            # The file outlives a killed process, not a power cut, and need not.
            connection.execute("PRAGMA synchronous = OFF")
            self._local.connection = connection
        return connection

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Nobody else writes meanwhile, so that what was looked up still holds when something is written. Nests."""
        connection = self._connection
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def create(self, record: Record) -> Record:
        """Puts it there. Raises Taken."""
        try:
            self._connection.execute(
                f"INSERT INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - no value in the text
                (record.type, record.region, record.id, record.urn, *_encoded(record)),
            )
        except sqlite3.IntegrityError as error:
            raise Taken(f"{record.type} {record.id} exists already in {record.region or 'the account'}") from error
        return record

    def read(self, type: str, id: str, region: str = "") -> Record:
        """The record. Raises Missing."""
        rows = self._rows("type = ? AND region = ? AND id = ? AND buried IS NULL", type, region, id)
        if not rows:
            raise Missing(f"there is no {type} {id} in {region or 'the account'}")
        return rows[0]

    def update(self, record: Record) -> Record:
        """Replaces what is there under the same type, region and id. Raises Missing."""
        self._write("UPDATE records SET urn = ?, inputs = ?, outputs = ?", record, record.urn, *_encoded(record))
        return record

    def change(self, record: Record, **outputs: Any) -> Record:
        """Changes some properties as somebody at the console would, behind the stack's back. Raises Missing."""
        with self.transaction():
            now = self.read(record.type, record.id, record.region)
            return self.update(replace(now, outputs={**now.outputs, **outputs}))

    def delete(self, record: Record) -> None:
        """Removes it for good. Raises Missing."""
        self._write("DELETE FROM records", record)

    remove = delete

    def bury(self, record: Record, reason: str) -> None:
        """It no longer shows, but its name stays taken: a deleted secret, a key that waits for its deletion."""
        self._write("UPDATE records SET buried = ?", record, reason)

    def buried(self, type: str, region: str = "") -> dict[str, Record]:
        """What was buried, by the reason given and the id: `reason id`."""
        query = f"SELECT {COLUMNS}, buried FROM records WHERE type = ? AND region = ? AND buried IS NOT NULL"  # noqa: S608
        rows = self._connection.execute(query, (type, region))
        return {f"{row[6]} {row[2]}": _decoded(row) for row in rows}

    def list(self, type: str | None = None) -> Records:
        """Everything, or everything of one type, in the order of their ids."""
        if type is None:
            return self._rows("buried IS NULL")
        return self._rows("type = ? AND buried IS NULL", type)

    def find(self, type: str, **outputs: Any) -> Records:
        """What of that type has these outputs; `id` and `region` may stand among them."""
        return [record for record in self.list(type) if _matches(record, outputs)]

    def one(self, type: str, **outputs: Any) -> Record:
        """The first of `find`. Raises Missing."""
        for record in self.find(type, **outputs):
            return record
        raise Missing(f"there is no {type} with {outputs}")

    def rows(self, query: str, *values: str) -> Rows:
        """The answer to a question of one's own."""
        return self._connection.execute(query, values).fetchall()

    def _rows(self, condition: str, *values: str) -> Records:
        query = f"SELECT {COLUMNS} FROM records WHERE {condition}"  # noqa: S608 - the condition is one of ours
        return [_decoded(row) for row in self._connection.execute(query, values)]

    def _write(self, statement: str, record: Record, *values: str) -> None:
        done = self._connection.execute(
            f"{statement} WHERE type = ? AND region = ? AND id = ? AND buried IS NULL",
            (*values, record.type, record.region, record.id),
        )
        if done.rowcount == 0:
            raise Missing(f"there is no {record.type} {record.id} in {record.region or 'the account'}")


def _encoded(record: Record) -> tuple[str, str]:
    return json.dumps(record.inputs), json.dumps(record.outputs)


def _decoded(row: tuple[str, ...]) -> Record:
    kind, region, id, urn, inputs, outputs = row[:6]
    return Record(kind, id, region, urn, json.loads(inputs), json.loads(outputs))


def _matches(record: Record, wanted: Mapping[str, Any]) -> bool:
    properties = {**record.outputs, "id": record.id, "region": record.region}
    return all(name in properties and properties[name] == value for name, value in wanted.items())
