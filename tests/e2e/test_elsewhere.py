"""The API's tests once more, on a dev stack whose database and cache live elsewhere.

The database has Supabase's shape; the API reaches it through a transaction pooler, which the migrations step goes
around.
"""

import re
import secrets
import shlex
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import docker
import httpx
import pytest
import yaml
from docker.models.containers import Container

import migrations
from tests.elsewhere import servers
from tests.elsewhere.servers import DATABASE, Redis, Supabase

from .conftest import Person, Stack, eventually, first_up, new_stack
from .test_analytics import *  # noqa: F403
from .test_api import *  # noqa: F403
from .test_generations import *  # noqa: F403
from .test_subscriptions import (
    test_from_checkout_to_pro_and_back,
    test_one_event_delivered_many_times_at_once_is_applied_once,
)
from .test_usage import *  # noqa: F403

# Counts on three replicas, and waits half a minute for v0.
test_a_v0_that_goes_on_failing_is_left_alone_and_asked_again_later = None

__all__ = ["test_from_checkout_to_pro_and_back", "test_one_event_delivered_many_times_at_once_is_applied_once"]

OWNER, API = "nuggetwise_owner", "nuggetwise_api"
THIS_MACHINE = "host.docker.internal"


@dataclass(frozen=True)
class Outside:
    """What the stack does not run itself, and the passwords of its two roles there."""

    supabase: Supabase
    redis: Redis
    owner_password: str
    api_password: str

    def settings(self) -> dict[str, str]:
        """By key, the secrets of the stack's settings."""
        return {
            "database.url": self.supabase.pooled(API, self.api_password, THIS_MACHINE),
            "database.owner_url": self.supabase.direct(OWNER, self.owner_password, THIS_MACHINE),
            "cache.url": self.redis.url(THIS_MACHINE),
        }

    def variables(self) -> dict[str, str]:
        """What the roles step is told, once and by hand."""
        return {
            "ADMIN_DATABASE_URL": self.supabase.admin_url,
            "OWNER_DATABASE_URL": self.supabase.direct(OWNER, self.owner_password),
            "DATABASE_URL": self.supabase.pooled(API, self.api_password),
        }


@dataclass(kw_only=True)
class StackWithServersElsewhere(Stack):
    """Knows where its database and its cache are, so that tests need not."""

    outside: Outside

    def containers(self, component: str) -> list[Container]:
        elsewhere = {"database": self.outside.supabase.database, "cache": self.outside.redis.container}
        return [elsewhere[component]] if component in elsewhere else super().containers(component)


@pytest.fixture(scope="module")
def outside() -> Generator[Outside]:
    with closing(docker.from_env()) as client, servers.supabase(client) as supabase, servers.redis(client) as redis:
        yield Outside(supabase, redis, secrets.token_hex(16), secrets.token_hex(16))


@pytest.fixture(scope="module")
def stack(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Generator[StackWithServersElsewhere]:
    """Set up as a person would, by the commands that the first `up` names when it refuses."""
    plain = new_stack(tmp_path_factory.mktemp("elsewhere"))
    made = StackWithServersElsewhere(**vars(plain), outside=outside)
    made.database = DATABASE
    try:
        write_settings(made)
        refused = made.up()
        commands = dict(re.findall(r"nuggetwise:([a-z_.]+): is missing; `(pulumi config set [^`]+)`", refused.text))
        assert (refused.code, commands.keys()) == (1, outside.settings().keys()), refused.text
        succeed(made, "pulumi", "stack", "init", made.name)
        for key, url in outside.settings().items():
            succeed(made, *shlex.split(commands[key]), url)
        succeed(made, sys.executable, "-m", "migrations", "roles", **outside.variables())
        done = first_up(made, tmp_path_factory.getbasetemp().parent / "images.lock")
        assert done.code == 0, done.text
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def client(stack: StackWithServersElsewhere) -> Generator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


def write_settings(stack: Stack) -> None:
    config = yaml.safe_load((stack.project / "Pulumi.dev.yaml").read_text())["config"]
    config |= {
        "nuggetwise:port": stack.port,
        "nuggetwise:api": {"replicas": 2, "pool_size": 10},
        "nuggetwise:database": {"kind": "external"},
        "nuggetwise:cache": {"kind": "external"},
    }
    (stack.project / f"Pulumi.{stack.name}.yaml").write_text(yaml.safe_dump({"config": config}))


def succeed(stack: Stack, *command: str, **environment: str) -> None:
    done = stack.run(*command, **environment)
    assert done.code == 0, done.text


def test_the_stack_runs_neither_and_makes_no_roles(stack: StackWithServersElsewhere) -> None:
    status = stack.ops("status")
    assert status.code == 0, status.text
    assert not re.search(r"^(database|cache) ", status.text, re.MULTILINE)
    assert stack.outputs()["schema_revision"] == migrations.head()
    assert "left alone, since ADMIN_DATABASE_URL is not set" in stack.outputs()["migration_log"]


def test_another_preview_has_nothing_to_change_and_shows_no_password_nor_does_the_state(
    stack: StackWithServersElsewhere,
) -> None:
    preview = stack.pulumi("preview", "--diff", "--show-sames", "--expect-no-changes")
    assert preview.code == 0, preview.text
    shown, outside = stack.pulumi("stack", "export").text + preview.text, stack.outside
    for secret in (outside.owner_password, outside.api_password, outside.redis.password):
        assert secret not in shown


def test_the_api_comes_through_the_pooler_alone(stack: StackWithServersElsewhere) -> None:
    networks = stack.outside.supabase.pooler.attrs["NetworkSettings"]["Networks"]
    addresses = {network["IPAddress"] for network in networks.values()}
    clients = stack.sql(f"SELECT DISTINCT host(client_addr) FROM pg_stat_activity WHERE usename = '{API}'")
    assert set(clients.splitlines()) == addresses


def test_a_pooler_that_restarts_is_found_again(
    stack: StackWithServersElsewhere, client: httpx.Client, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    stack.outside.supabase.pooler.restart(timeout=0)
    eventually(lambda: client.get("/api/users/me", headers=person.headers).status_code == 200, 15, "the API goes on")
    assert client.get("/api/health").status_code == 200
