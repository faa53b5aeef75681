"""Connections of the runner, with timeouts that no migration's RESET undoes."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from migrations.settings import Target

Connection = psycopg.Connection[tuple[object, ...]]

# A lock is waited for briefly, since everyone else queues behind the waiter; the runner then tries again.
TIMEOUTS = {"lock_timeout": "5s", "statement_timeout": "15min", "idle_session_timeout": "0"}


def connect(target: Target, *, release: str, autocommit: bool) -> Connection:
    """A direct connection that names itself, so that whoever waits for it can be told."""
    given = conninfo_to_dict(target.url).get("options")
    options = [str(given)] if given else []
    return psycopg.connect(
        target.url,
        autocommit=autocommit,
        prepare_threshold=None,
        connect_timeout=30,
        client_encoding="utf8",
        application_name=f"nuggetwise-migrations {release}",
        options=" ".join([*options, *(f"-c {name}={value}" for name, value in TIMEOUTS.items())]),
    )
