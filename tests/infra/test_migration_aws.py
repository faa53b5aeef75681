"""The migrations step on Fargate, as it is declared."""

import json
from typing import Any

import pulumi
import pytest

import migrations
from infra.migration.aws import Migration
from infra.migration.fargate import FargateMigrationProvider
from infra.settings import Settings

from . import recording
from .compute import SECRET, TOP, containers, ground, one
from .recording import Recorded, cloud_settings

SECRETS = {name: f"{SECRET.format(name)}:::1" for name in ("OWNER_DATABASE_URL", "DATABASE_URL")}
PASSWORD = {"PGPASSWORD": f"{SECRET.format('rds')}:password::"}


def deploy(settings: Settings, *, external: bool = False) -> None:
    on = ground(settings)
    Migration(
        "migrations",
        settings,
        on.cluster,
        on.network,
        on.image,
        pulumi.Output.from_input("db-1"),
        None if external else pulumi.Output.from_input("postgresql://postgres@db:5433/postgres"),
        SECRETS if external else SECRETS | PASSWORD,
        [on.keys.secrets.arn],
        TOP,
    )


@pytest.fixture(scope="module")
def resources() -> list[Recorded]:
    return recording.record(cloud_settings(), deploy)


def step(resources: list[Recorded]) -> dict[str, Any]:
    (container,) = containers(one(resources, ":TaskDefinition"))
    return container


def test_the_step_is_a_task_of_the_release_that_runs_the_deploy_command(resources: list[Recorded]) -> None:
    assert step(resources)["command"] == ["python", "-m", "migrations", "deploy"]
    assert "@sha256:" in step(resources)["image"]


def test_the_administrators_password_comes_from_rds_own_secret_and_his_url_has_none(resources: list[Recorded]) -> None:
    secrets = {secret["name"]: secret["valueFrom"] for secret in step(resources)["secrets"]}
    assert secrets == SECRETS | PASSWORD
    environment = {entry["name"]: entry["value"] for entry in step(resources)["environment"]}
    assert environment["ADMIN_DATABASE_URL"] == "postgresql://postgres@db:5433/postgres"


def test_an_external_database_has_no_administrator() -> None:
    resources = recording.record(cloud_settings(), lambda settings: deploy(settings, external=True))
    assert "ADMIN_DATABASE_URL" not in json.dumps(step(resources))
    assert "PGPASSWORD" not in json.dumps(step(resources))


def test_it_runs_where_the_api_runs_and_nowhere_public(resources: list[Recorded]) -> None:
    run = one(resources, ":MigrationRun").inputs
    assert len(run["subnets"]) == 3
    assert run["security_group"] == "tasks-id"
    assert run["task_definition"]
    assert run["digest"] == migrations.digest()


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        ({"digest": "2"}, True),
        ({"database": "db-2"}, True),
        ({"secrets": ["another version"]}, True),
        ({"task_definition": "of another image"}, False),
        ({"subnets": ["others"]}, False),
    ],
)
def test_it_runs_again_for_new_migrations_databases_and_passwords_and_not_for_a_new_image(
    changed: dict[str, Any], runs: bool
) -> None:
    before = {"digest": "1", "database": "db-1", "secrets": ["v1"], "task_definition": "t:1", "subnets": ["s"]}
    assert FargateMigrationProvider().diff("id", before, before | changed).changes is runs
