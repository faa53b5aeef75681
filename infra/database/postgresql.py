"""PostgreSQL's own settings, told to the running server: it reloads them, and restarts only for those that need it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

if TYPE_CHECKING:
    from docker.models.containers import Container

READY_WITHIN = 60.0  # seconds
RESTART = "PostgreSQL ends and starts again: requests wait for it, and those that would wait for long are answered 503."


class PostgresqlRefused(Exception):
    """PostgreSQL did not take a setting, or did not come back with it. The text is its own."""


class PostgresqlSettingsProvider(ResourceProvider):
    """Keeps settings in the cluster itself (ALTER SYSTEM), where they outlive the container."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("postgresql", {**props, "restart_for": _apply(props, before={})})

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**news, "restart_for": _apply(news, before=olds["settings"])})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        before, after = olds["settings"], news["settings"]
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if changed:
            slow = sorted({*changed} & {*olds["restart_for"]})
            how = f"For {', '.join(slow)} {RESTART}" if slow else "It reloads, and nobody notices."
            print(f"PostgreSQL takes {', '.join(sorted(changed))}. {how}", file=sys.stderr, flush=True)
        return DiffResult(changes=bool(changed) or olds["container"] != news["container"])


def _apply(props: Mapping[str, Any], before: Mapping[str, str]) -> list[str]:
    """Sets what is wanted and resets what no longer is. Returns which of the settings only a restart changes."""
    import docker

    wanted: dict[str, str] = props["settings"]
    client = docker.from_env()
    try:
        server = client.containers.get(props["container"])
        quoted = {name: value.replace("'", "''") for name, value in wanted.items()}
        _sql(
            server,
            *(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in quoted.items()),
            *(f"ALTER SYSTEM RESET {name}" for name in before if name not in wanted),
            "SELECT pg_reload_conf()",
        )
        # The files as they are now, compared with what the server runs on.
        if _sql(server, "SELECT 1 FROM pg_file_settings WHERE error IS NOT NULL LIMIT 1"):
            server.restart(timeout=int(READY_WITHIN))
            _wait(server)
        fixed_at_start = _sql(server, "SELECT name FROM pg_settings WHERE context = 'postmaster'")
        return [name for name in fixed_at_start if name in wanted]
    finally:
        client.close()


def _sql(server: Container, *statements: str) -> list[str]:
    """The lines that psql prints for these statements, each a transaction of its own. Raises PostgresqlRefused."""
    commands = [part for statement in statements for part in ("-c", statement)]
    status, output = server.exec_run(
        ["psql", "-U", "postgres", "-AtqX", "-v", "ON_ERROR_STOP=1", *commands, "postgres"]
    )
    assert isinstance(output, bytes)  # which it is, where the output is not streamed
    text = output.decode(errors="replace").strip()
    if status != 0:
        raise PostgresqlRefused(text)
    return text.splitlines()


def _wait(server: Container) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while server.exec_run(["pg_isready", "-q"]).exit_code != 0:
        if time.monotonic() >= deadline:
            log = server.logs(tail=10).decode(errors="replace")
            raise PostgresqlRefused(f"not ready within {READY_WITHIN:.0f} s after its restart; its log:\n{log}")
        time.sleep(0.1)


class PostgresqlSettings(Resource, name="PostgresqlSettings"):
    """Settings of the server in `container`, by the names that PostgreSQL gives them."""

    def __init__(
        self, name: str, container: pulumi.Input[str], settings: Mapping[str, str], opts: pulumi.ResourceOptions
    ) -> None:
        props = {"container": container, "settings": settings, "restart_for": None}
        super().__init__(PostgresqlSettingsProvider(), name, props, opts)
