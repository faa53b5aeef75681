"""What the runner is told by environment variables."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrations.errors import SettingError

DEFAULT_API_ROLE = "nuggetwise_api"

FORM = "postgresql://role:password@host/database"

PURPOSE = {
    "OWNER_DATABASE_URL": "the URL, direct and not through a pooler, of the role that owns the schema",
    "DATABASE_URL": "the API's URL: the role in it is the one that is granted access",
    "ADMIN_DATABASE_URL": "the URL of a role that may create roles and databases",
}


@dataclass(frozen=True)
class Target:
    """A database as one role sees it."""

    url: str = field(repr=False)
    role: str
    password: str = field(repr=False)
    database: str

    @classmethod
    def parse(cls, variable: str, url: str) -> "Target":
        try:
            parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
        except ProgrammingError:
            # libpq's own words would quote the URL.
            raise SettingError(f"{variable} is not a PostgreSQL URL: write {FORM}") from None
        role = parts.get("user", "")
        if not role or not parts.get("dbname"):
            raise SettingError(f"{variable} names no role or no database: write {FORM}")
        if parts.get("host", "").endswith(".pooler.supabase.com"):
            # Supabase's pooler wants the project behind the role's name.
            role = role.partition(".")[0]
        return cls(url, role, parts.get("password", ""), parts["dbname"])

    def of(self, database: str) -> "Target":
        """Another database of the same server."""
        return replace(self, url=make_conninfo(self.url, dbname=database), database=database)


@dataclass(frozen=True)
class Settings:
    """The three URLs (an external database has no `admin`), and how long to wait for another runner."""

    owner: Target
    api: Target
    admin: Target | None
    release: str
    lock_wait_seconds: float


def passwords(environment: Mapping[str, str]) -> list[str]:
    """The passwords that the environment brings, which no error may show, also where the settings are wrong."""
    found = [environment.get("PGPASSWORD", "")]
    for variable in PURPOSE:
        with suppress(ProgrammingError):
            found.append(str(conninfo_to_dict(environment.get(variable, "")).get("password", "")))
    return [password for password in found if password]


def target(environment: Mapping[str, str], variable: str) -> Target:
    """The target of a variable that has to be there."""
    url = environment.get(variable)
    if not url:
        raise SettingError(f"{variable} is not set: set it to {PURPOSE[variable]}")
    return Target.parse(variable, url)


def settings(environment: Mapping[str, str], database: str | None = None) -> Settings:
    """All settings, checked against each other, for the `database` or else that of the URLs."""
    owner, api = target(environment, "OWNER_DATABASE_URL"), target(environment, "DATABASE_URL")
    has_admin = bool(environment.get("ADMIN_DATABASE_URL"))
    admin = target(environment, "ADMIN_DATABASE_URL") if has_admin else None
    names = [each.role for each in (owner, api, admin) if each]
    if len(set(names)) < len(names):
        raise SettingError(f"the database URLs share a role ({', '.join(names)}): give each its own")
    wait = environment.get("MIGRATION_LOCK_WAIT_SECONDS") or "120"
    try:
        lock_wait_seconds = float(wait)
    except ValueError:
        raise SettingError(f"MIGRATION_LOCK_WAIT_SECONDS is {wait!r}: set it to a number of seconds") from None
    if database:
        owner, api = owner.of(database), api.of(database)
    return Settings(owner, api, admin, environment.get("APP_VERSION") or "unknown", lock_wait_seconds)
