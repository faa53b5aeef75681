"""How PostgreSQL's own programs are told where to connect: no argument holds a password."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrations.settings import Target

# A server that is gone without a word is noticed within a minute.
WHEN_LOST: Final = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "connect_timeout": 30}


@dataclass(frozen=True)
class Login:
    """A database as one role reaches it: what an argument may say, and the environment with the password."""

    conninfo: str
    environment: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, target: Target) -> "Login":
        parts = conninfo_to_dict(target.url)
        password = parts.pop("password", None)
        return cls(make_conninfo("", **{**WHEN_LOST, **parts}), {"PGPASSWORD": str(password)} if password else {})

    @classmethod
    def by_socket(cls, folder: Path, role: str, database: str) -> "Login":
        return cls(make_conninfo("", host=str(folder), user=role, dbname=database), {})
