"""Expand and contract: the release that still serves goes on working with the schema that comes before the next.

The release before the newest revision is taken out of git. Its API runs on a database with the newest schema, and its
own tests of the API and of the database must pass there.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import docker
import httpx
import pytest

from migrations.revisions import revisions
from migrations.runner import upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch
from tests import previous_release
from tests.e2e.conftest import free_port
from tests.previous_release.release import NoHistory, before, export

from .conftest import environment_of, image_of

OVERRIDES = {"tests/e2e/conftest.py": "served_api", "tests/database/conftest.py": "migrated_database"}

# What the API does, and what it relies on in the database. Tests of the runner and of the schema's layout stay out:
# they may change with each revision.
TESTS = [
    *(f"tests/e2e/test_{name}.py" for name in ("api", "usage", "generations", "subscriptions")),
    *(f"tests/database/test_{name}.py" for name in ("functions", "generations", "rotate_keys", "row_level_security")),
    *(f"tests/database/test_{name}.py" for name in ("stripe", "transactions")),
]
LEFT_OUT = [
    # Each revision changes it.
    "tests/database/test_functions.py::test_the_schema_tells_its_revision",
    # It waits for time limits, and asks nothing of the schema that others do not.
    "tests/e2e/test_subscriptions.py::test_while_stripe_fails_nobody_is_removed_and_the_rest_goes_on",
]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The previous release's files, whose tests are to use what this test provides."""
    try:
        commit = before(revisions()[-1])
    except NoHistory as error:
        pytest.skip(str(error))
    folder = tmp_path / "release"
    export(commit, folder)
    for conftest, override in OVERRIDES.items():
        shutil.copy(Path(previous_release.__path__[0]) / f"{override}.py", folder)
        with (folder / conftest).open("a") as file:
            file.write(f"\nfrom {override} import *\n")
    return folder


@pytest.fixture
def cache_url() -> Generator[str]:
    """A cache of this test's own."""
    client = docker.from_env()
    container = client.containers.run(
        image_of(client, "cache"),
        detach=True,
        environment={"REDISCLI_AUTH": "cache-secret"},
        ports={"6379/tcp": ("127.0.0.1", 0)},
        labels={"nuggetwise.test": "database"},
    )
    try:
        container.reload()
        port = container.attrs["NetworkSettings"]["Ports"]["6379/tcp"][0]["HostPort"]
        yield f"redis://:cache-secret@127.0.0.1:{port}/0"
    finally:
        container.remove(force=True)
        client.close()


@contextmanager
def running(release: Path, environment: dict[str, str], url: str, *module: str) -> Generator[None]:
    """A Python module of the release, which answers at the URL."""
    log = release / f"{module[0]}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", *module]
        process = subprocess.Popen(command, cwd=release, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            end = time.monotonic() + 60
            while not answers(url):
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            yield
        finally:
            process.kill()
            process.wait(timeout=10)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def variables(given: Settings, release: Path, cache_url: str, port: int) -> dict[str, str]:
    """The environment of the release's API, of the fakes that it asks, and of the tests that ask it."""
    fakes = f"http://127.0.0.1:{port + 3}"
    assert given.admin
    return {
        **environment_of(given),
        "PYTHONPATH": str(release),
        "ENVIRONMENT": "dev",
        "PORT": str(port),
        "REDIS_URL": cache_url,
        "FRONTEND_URL": "http://localhost:3000",
        "JWT_SECRET": "3f9c1c7d5e0b4a6f8d2e7b1a9c4d6e8f",
        "ENCRYPTION_KEY": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "RATE_LIMIT_API": "1000000",
        "RATE_LIMIT_AUTH": "1000000",
        "STRIPE_SECRET_KEY": "sk_test_of_this_test",
        "STRIPE_WEBHOOK_SECRET": "whsec_of_this_test",
        "STRIPE_PRICE_PRO": "price_pro_of_the_fake",
        "STRIPE_API_URL": f"{fakes}/stripe",
        "V0_API_KEY": "v1:of-this-test",
        "V0_API_URL": f"{fakes}/v0",
        "PUBLIC_URL": fakes,
        "WEBHOOK_URL": f"http://127.0.0.1:{port}/api/webhooks/stripe",
        "PREVIOUS_RELEASE_PORT": str(port),
        "TEST_ADMIN_DATABASE_URL": given.admin.url,
    }


def test_the_previous_release_works_with_the_newest_schema(empty: Settings, release: Path, cache_url: str) -> None:
    upgrade(empty, revisions(), Stopwatch())
    port = free_port()
    environment = variables(empty, release, cache_url, port)
    # A process of its own for each run of pytest: this one's workers are not its.
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    api, fakes = f"http://127.0.0.1:{port}/api/health/ready", f"http://127.0.0.1:{port + 3}/"
    with (
        running(release, environment, fakes, "tests.fakes", "--port", str(port + 3)),
        running(release, environment, api, "app"),
    ):
        tests = [name for name in TESTS if (release / name).is_file()]
        left_out = [f"--deselect={name}" for name in LEFT_OUT]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *left_out, *tests]
        done = subprocess.run(
            command, cwd=release, env=environment, check=False, capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, f"the previous release does not work with the newest schema:\n{done.stdout[-6000:]}"
    assert " passed" in done.stdout
