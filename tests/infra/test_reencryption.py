"""The one-off task that encrypts stored secrets anew."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from infra import names, reencryption
from infra.key.aws import Keys
from infra.reencryption.aws import Reencryption
from infra.secret.aws import Secret
from infra.settings import Settings

from .recording import Recorded, cloud_settings, record


def program(settings: Settings) -> None:
    keys = Keys("keys", settings, pulumi.ResourceOptions())
    cluster = SimpleNamespace(log_group_name="tasks", log_group_arn="arn:aws:logs:eu-central-1:1:log-group:tasks")
    image = SimpleNamespace(
        reference="registry/api@sha256:1", repository_arn="arn:aws:ecr:eu-central-1:1:repository/api"
    )
    owner_url = Secret("owner-url", settings, keys, "postgresql://o:p@h/d", pulumi.ResourceOptions())
    encryption_key = Secret("encryption-key", settings, keys, "a:b,c:d", pulumi.ResourceOptions())
    Reencryption(
        settings,
        cast("Any", cluster),
        keys,
        cast("Any", image),
        owner_url,
        encryption_key,
        pulumi.ResourceOptions(),
    )


@pytest.fixture(scope="module")
def declared() -> list[Recorded]:
    return record(cloud_settings(), program)


def test_it_runs_the_releases_own_command_under_the_name_that_make_rotate_starts(declared: list[Recorded]) -> None:
    (task,) = [r for r in declared if r.type == "aws:ecs/taskDefinition:TaskDefinition"]
    assert task.inputs["family"] == names.of(cloud_settings(), reencryption.NAME)
    (container,) = json.loads(task.inputs["containerDefinitions"])
    assert container["name"] == reencryption.NAME
    assert container["command"] == ["python", "-m", "app.rotate_keys"]
    assert container["image"] == "registry/api@sha256:1"


def test_it_gets_the_owner_and_both_keys_as_secrets_and_nothing_else(declared: list[Recorded]) -> None:
    (task,) = [r for r in declared if r.type == "aws:ecs/taskDefinition:TaskDefinition"]
    (container,) = json.loads(task.inputs["containerDefinitions"])
    assert [entry["name"] for entry in container["secrets"]] == ["ENCRYPTION_KEY", "OWNER_DATABASE_URL"]
    assert container["environment"] == []


def test_its_code_may_do_nothing_at_aws(declared: list[Recorded]) -> None:
    policies = [r.name for r in declared if r.type == "aws:iam/rolePolicy:RolePolicy"]
    assert policies == [f"{reencryption.NAME}-execution"]
