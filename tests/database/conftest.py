"""A real PostgreSQL 17: each session makes roles and databases under names of its own, and removes them."""

import os
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import psycopg
import pytest
from docker.errors import ImageNotFound
from docker.models.containers import Container
from docker.models.images import Image
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from infra.release import ROOT, image_name
from migrations.history import History
from migrations.revisions import VERSIONS, revisions
from migrations.roles import ensure_roles
from migrations.runner import Report, upgrade
from migrations.settings import Settings, settings
from migrations.stopwatch import Stopwatch
from tests.elsewhere import servers
from tests.elsewhere.servers import Supabase

Connection = psycopg.Connection[tuple[object, ...]]
AddRevision = Callable[[str, str], Path]
VARIABLE = "TEST_ADMIN_DATABASE_URL"

# Tests that must hold both on a database of ours and on Supabase's, where the API comes through a transaction pooler.
ON_BOTH = pytest.mark.parametrize(
    "session_settings", ["own_database", "database_elsewhere"], ids=["ours", "supabase"], indirect=True
)


@dataclass(frozen=True)
class Person:
    """Someone with a row in every table."""

    id: uuid.UUID
    email: str
    customer: str


@dataclass(frozen=True)
class Server:
    """The server under test, as its admin sees it."""

    admin_url: str

    def url(self, role: str, password: str, database: str) -> str:
        parts = conninfo_to_dict(self.admin_url)
        return f"postgresql://{role}:{password}@{parts['host']}:{parts.get('port') or 5432}/{database}"

    def admin(self) -> Connection:
        return psycopg.connect(self.admin_url, autocommit=True, client_encoding="utf8")

    def drop_database(self, name: str) -> None:
        with self.admin() as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def drop_role(self, name: str) -> None:
        with self.admin() as connection:
            connection.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(name)))


@pytest.fixture(scope="session")
def server() -> Generator[Server]:
    """The server named by TEST_ADMIN_DATABASE_URL, else one of the dev stack's own image, which the end removes."""
    if url := os.environ.get(VARIABLE):
        yield Server(url)
        return
    client = docker.from_env()
    image = image_of(client, "database")
    password = secrets.token_hex(16)
    container = client.containers.run(
        image,
        detach=True,
        environment={"POSTGRES_PASSWORD": password, "MAX_CONNECTIONS": "100"},
        ports={"5432/tcp": ("127.0.0.1", 0)},
        labels={"nuggetwise.test": "database"},
        # A disk that is soon full.
        tmpfs={"/tiny": "size=48m,mode=1777"},
    )
    try:
        yield Server(_when_it_answers(container, password))
    finally:
        container.remove(force=True, v=True)
        client.close()


def image_of(client: docker.DockerClient, what: str) -> Image:
    """The dev stack's own, which the end-to-end tier has built before when all tests run."""
    name = image_name(what)
    try:
        return client.images.get(name)
    except ImageNotFound:
        dockerfile = f"images/{what}/Dockerfile"
        return client.images.build(path=str(ROOT), dockerfile=dockerfile, tag=name, rm=True, forcerm=True)[0]


def _when_it_answers(container: Container, password: str) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        container.reload()
        bindings = container.attrs["NetworkSettings"]["Ports"].get("5432/tcp")
        if bindings:
            url = f"postgresql://postgres:{password}@127.0.0.1:{bindings[0]['HostPort']}/postgres"
            try:
                psycopg.connect(url, connect_timeout=2).close()
                return url
            except psycopg.OperationalError:
                pass
        time.sleep(0.2)
    raise AssertionError(container.logs().decode())


@pytest.fixture(scope="session")
def session_settings(request: pytest.FixtureRequest) -> Settings:
    """The database under test: ours, unless ON_BOTH says otherwise."""
    return request.getfixturevalue(getattr(request, "param", "own_database"))


@pytest.fixture(scope="session")
def supabase() -> Generator[Supabase]:
    """A new project of Supabase's shape, in containers of its own."""
    with closing(docker.from_env()) as client, servers.supabase(client) as made:
        yield made


@pytest.fixture(scope="session")
def database_elsewhere(supabase: Supabase) -> Settings:
    """Its roles are made once, by its customer; from then on there is no administrator."""
    given = settings(
        {
            "ADMIN_DATABASE_URL": supabase.admin_url,
            "OWNER_DATABASE_URL": supabase.direct("nuggetwise_owner", "owner-secret"),
            "DATABASE_URL": supabase.pooled("nuggetwise_api", "api-secret"),
            "APP_VERSION": "1.2.3",
        }
    )
    ensure_roles(given, Stopwatch())
    return replace(given, admin=None)


@pytest.fixture(scope="session")
def own_database(server: Server) -> Generator[Settings]:
    """Settings of this session's own roles and database, which its end removes."""
    suffix = secrets.token_hex(4)
    owner, api, database = f"test_owner_{suffix}", f"test_api_{suffix}", f"test_{suffix}"
    yield settings(
        {
            "ADMIN_DATABASE_URL": server.admin_url,
            "OWNER_DATABASE_URL": server.url(owner, "owner-secret", database),
            "DATABASE_URL": server.url(api, "api-secret", database),
            "APP_VERSION": "1.2.3",
            "MIGRATION_LOCK_WAIT_SECONDS": "30",
        }
    )
    server.drop_database(database)
    server.drop_role(owner)
    server.drop_role(api)


@pytest.fixture(scope="session")
def migrated(session_settings: Settings) -> Settings:
    """A database with the whole schema, shared by the tests that only use it."""
    ensure_roles(session_settings, Stopwatch())
    upgrade(session_settings, revisions(), Stopwatch())
    return session_settings


@contextmanager
def another_database(server: Server, ours: Settings) -> Generator[Settings]:
    """An empty database of the same roles."""
    name = f"{ours.owner.database}_{secrets.token_hex(4)}"

    def moved(url: str) -> str:
        return url.removesuffix(ours.owner.database) + name

    given = replace(
        ours,
        owner=replace(ours.owner, url=moved(ours.owner.url), database=name),
        api=replace(ours.api, url=moved(ours.api.url), database=name),
    )
    ensure_roles(given, Stopwatch())
    yield given
    server.drop_database(name)


@pytest.fixture
def empty(server: Server, migrated: Settings) -> Generator[Settings]:
    """An empty database of the same roles, for a test to migrate."""
    with another_database(server, migrated) as given:
        yield given


@pytest.fixture(scope="module")
def module_database(server: Server, own_database: Settings) -> Generator[Settings]:
    """A database of ours with the whole schema, which the tests of one file change."""
    with another_database(server, own_database) as given:
        upgrade(given, revisions(), Stopwatch())
        yield given


def environment_of(given: Settings) -> dict[str, str]:
    """What the command line is told to work on a database."""
    assert given.admin
    return {
        **os.environ,
        "ADMIN_DATABASE_URL": given.admin.url,
        "OWNER_DATABASE_URL": given.owner.url,
        "DATABASE_URL": given.api.url,
        "APP_VERSION": "1.2.3",
    }


def run(given: Settings, versions: Path) -> Report:
    """Apply what is pending of a folder of revisions."""
    return upgrade(given, revisions(versions), Stopwatch())


def value(given: Settings, query: bytes) -> object:
    """The one value that a query of the owner's answers with."""
    with psycopg.connect(given.owner.url) as owner:
        row = owner.execute(query).fetchone()
    return row and row[0]


def history(given: Settings) -> History:
    with psycopg.connect(given.owner.url) as owner:
        return History.read(owner)


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A folder of revisions that begins like the real one, for a test to add its own."""
    shutil.copy(VERSIONS / "0001_bookkeeping.py", tmp_path)
    return tmp_path


@pytest.fixture
def add_revision(versions: Path) -> Callable[[str, str], Path]:
    """Write `0002_name.py`, whose upgrade has the body given."""

    def add(stem: str, body: str) -> Path:
        path = versions / f"{stem}.py"
        head = f'revision = "{stem[:4]}"\ndown_revision = "{int(stem[:4]) - 1:04}"\n'
        imports = (
            "from alembic import op\nfrom migrations.backfill import backfill\n"
            "from migrations.indexes import create_index, create_partitioned_index\n"
        )
        path.write_text(f'"""A test."""\n{imports}{head}\ndef upgrade() -> None:\n    {body}\n')
        return path

    return add


@pytest.fixture
def owner(migrated: Settings) -> Generator[Connection]:
    """The owner, whom no policy holds, on the shared database."""
    with psycopg.connect(migrated.owner.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def api(migrated: Settings) -> Generator[Connection]:
    """The API's role on the shared database."""
    with psycopg.connect(migrated.api.url, autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture
def on_supabase(migrated: Settings) -> bool:
    """Whether the database under test is Supabase's, which has no administrator of ours."""
    return migrated.admin is None


@pytest.fixture
def acting_as(api: Connection) -> Callable[[Person], AbstractContextManager[Connection]]:
    """A transaction that serves a person, as the API opens it; undone at its end."""

    @contextmanager
    def acting(person: Person) -> Generator[Connection]:
        with api.transaction(force_rollback=True):
            api.execute(
                "SELECT set_config('request.jwt.claims', json_build_object('sub', %s::text)::text, true)",
                [person.id],
            )
            yield api

    return acting


@pytest.fixture
def new_person(owner: Connection) -> Callable[[], Person]:
    """Make a person with a row in every table."""

    def make() -> Person:
        name = secrets.token_hex(6)
        person = Person(uuid.uuid4(), f"{name}@example.com", f"cus_{name}")
        owner.execute(
            "INSERT INTO users (id, email, password_hash, stripe_customer_id) VALUES (%s, %s, 'hash', %s)",
            [person.id, person.email, person.customer],
        )
        owner.execute("INSERT INTO installations (user_id, mcp_config) VALUES (%s, '{}')", [person.id])
        owner.execute("INSERT INTO usage (user_id, feature) VALUES (%s, 'install')", [person.id])
        owner.execute(
            """INSERT INTO subscriptions
            (user_id, stripe_subscription_id, plan, status, last_event_at, last_event_rank)
            VALUES (%s, %s, 'pro', 'active', '2020-01-01', 0)""",
            [person.id, f"sub_{name}"],
        )
        return person

    return make


@pytest.fixture
def alice(new_person: Callable[[], Person]) -> Person:
    return new_person()


@pytest.fixture
def bob(new_person: Callable[[], Person]) -> Person:
    return new_person()
