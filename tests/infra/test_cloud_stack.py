"""What staging and production declare as a whole."""

import json
from functools import cache
from typing import Any

import pulumi
import pytest

from infra import settings
from infra.outputs import StackOutputs
from infra.role import boundary

from . import recording
from .recording import Recorded, cloud_settings, is_secret, unsealed

ENVIRONMENTS = ("staging", "production")
EVERY = pytest.mark.parametrize("environment", ENVIRONMENTS)
URL = {"secure": "x"}


@cache
def stack(environment: str) -> list[Recorded]:
    return declared(cloud_settings(environment))


def declared(chosen: settings.Settings) -> list[Recorded]:
    # Imported late: the SDKs of three clouds take seconds.
    from infra.environments import cloud

    return recording.record(chosen, cloud.deploy)


def of_type(resources: list[Recorded], suffix: str) -> list[Recorded]:
    return [resource for resource in resources if resource.type.endswith(f":{suffix}")]


def containers(resources: list[Recorded]) -> list[dict[str, Any]]:
    tasks = of_type(resources, "TaskDefinition")
    assert tasks, "there are tasks to look at"
    return [each for task in tasks for each in json.loads(unsealed(task.inputs["containerDefinitions"]))]


@EVERY
def test_every_role_has_the_stacks_boundary_without_which_aws_refuses_it(environment: str) -> None:
    roles = of_type(stack(environment), "Role")
    assert len(roles) > 10
    expected = boundary.policy_arn(recording.ACCOUNT, environment)
    assert {role.inputs.get("permissionsBoundary") for role in roles} == {expected}


@EVERY
def test_no_secret_stands_among_the_plain_variables_of_any_task(environment: str) -> None:
    for container in containers(stack(environment)):
        plain = {entry["name"]: entry["value"] for entry in container["environment"]}
        for name, value in plain.items():
            assert not any(word in name for word in ("SECRET", "KEY", "PASSWORD", "DSN")), name
            assert "://" not in value or "@" not in value or name == "ADMIN_DATABASE_URL", name
        assert ":" not in plain.get("ADMIN_DATABASE_URL", "").partition("://")[2].partition("@")[0], "no password"


@EVERY
def test_the_api_gets_every_secret_that_it_refuses_to_start_without(environment: str) -> None:
    api = next(container for container in containers(stack(environment)) if container["name"] == "api")
    assert {secret["name"] for secret in api["secrets"]} == {
        "DATABASE_URL",
        "ENCRYPTION_KEY",
        "JWT_SECRET",
        "REDIS_URL",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "V0_API_KEY",
    }


@EVERY
def test_what_is_put_into_secrets_manager_is_secret_in_the_state_too(environment: str) -> None:
    versions = of_type(stack(environment), "SecretVersion")
    assert len(versions) == 9
    assert all(is_secret(version.inputs["secretString"]) for version in versions)


def test_sentry_is_told_to_the_api_only_with_a_dsn() -> None:
    resources = declared(cloud_settings(sentry_dsn="https://key@sentry.test/1"))
    api = next(container for container in containers(resources) if container["name"] == "api")
    assert "SENTRY_DSN" in {secret["name"] for secret in api["secrets"]}


@EVERY
def test_nothing_of_aws_lies_outside_the_settings_account_and_regions(environment: str) -> None:
    (provider,) = [r for r in stack(environment) if r.type == "pulumi:providers:aws"]
    assert json.loads(provider.inputs["allowedAccountIds"]) == [recording.ACCOUNT]
    tags = json.loads(provider.inputs["defaultTags"])["tags"]
    assert (tags["stack"], tags["environment"]) == (environment, environment)
    regions = {r.inputs["region"] for r in stack(environment) if r.inputs.get("region")}
    # Route 53 reports its health checks there and nowhere else.
    assert regions - {provider.inputs["region"]} == {"eu-west-1", "us-east-1"}


def test_production_protects_what_holds_data_and_breaking_the_glass_ends_that() -> None:
    kept = {"Database", "Bucket", "Key"}
    production = [r for r in stack("production") if r.type.rpartition(":")[2] in kept]
    protected = {resource.name for resource in production if resource.protected}
    assert {"database", "backups", "backups-copy", "keys-data", "keys-secrets", "keys-backups"} <= protected
    (instance,) = of_type(stack("production"), "Instance")
    assert instance.retained, "no update deletes an instance, whatever takes its place"
    assert not [r.name for r in declared(cloud_settings(break_glass=True)) if r.protected]
    assert [r.name for r in stack("staging") if r.protected] == ["guard"]


@EVERY
def test_destroy_meets_the_guard_before_anything_else(environment: str) -> None:
    (guard,) = [resource for resource in stack(environment) if resource.type == "nuggetwise:Guard"]
    others = [resource for resource in stack(environment) if resource is not guard]
    assert guard.protected
    assert set(guard.dependencies) >= {resource.name for resource in others if resource.type.startswith("aws:")}


def test_the_backups_buckets_are_out_of_the_reach_of_destroy() -> None:
    for resources in (stack("staging"), stack("production"), declared(cloud_settings(break_glass=True))):
        buckets = {r.name: r.retained for r in of_type(resources, "Bucket") if r.type.startswith("aws:")}
        assert buckets["backups"] and buckets["backups-copy"]


def test_an_external_database_and_cache_leave_nothing_of_them_at_aws() -> None:
    database = {
        "kind": "external",
        "url": "postgresql://api:a@db.test:6543/x",
        "owner_url": "postgresql://o:b@db.test/x",
    }
    resources = declared(
        cloud_settings("staging", database=database, cache={"kind": "external", "url": "rediss://:c@cache.test:6380"})
    )
    assert not [r.name for r in resources if r.type.startswith(("aws:rds/", "aws:elasticache/"))]
    migrations = next(container for container in containers(resources) if container["name"] == "migrations")
    assert {secret["name"] for secret in migrations["secrets"]} == {"DATABASE_URL", "OWNER_DATABASE_URL"}
    for container in containers(resources):
        assert "ADMIN_DATABASE_URL" not in {entry["name"] for entry in container["environment"]}


@EVERY
def test_a_restore_gets_the_administrator_that_rds_keeps(environment: str) -> None:
    (restore,) = [each for each in containers(stack(environment)) if each.get("command", [])[-1:] == ["restore"]]
    secrets = {secret["name"]: secret["valueFrom"] for secret in restore["secrets"]}
    assert secrets["PGPASSWORD"].endswith(":secret:rds!db-1:password::")
    plain = {entry["name"]: entry["value"] for entry in restore["environment"]}
    assert plain["ADMIN_DATABASE_URL"].startswith("postgresql://nuggetwise_admin@")


def test_an_image_named_by_its_digest_is_deployed_and_none_of_the_api_is_built() -> None:
    digest = "sha256:" + "cd" * 32
    resources = declared(cloud_settings(image=digest))
    assert [r.name for r in of_type(resources, "RemoteImage")] == ["ops-image"]
    api = next(container for container in containers(resources) if container["name"] == "api")
    assert api["image"].endswith(f"nuggetwise/api@{digest}")
    version = next(entry["value"] for entry in api["environment"] if entry["name"] == "APP_VERSION")
    assert version == "image-cdcdcdcdcdcd", "not the version of whatever clone deploys it"


@EVERY
def test_the_outputs_are_those_that_every_environment_has(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.environments import cloud

    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    recording.record(cloud_settings(environment), cloud.deploy)
    local = {"object_store_url", "object_store_ca"}
    assert exported.keys() == StackOutputs.model_fields.keys() - local
    assert exported["api_url"] == f"https://{cloud_settings(environment).api.hostname}"


def test_a_stack_whose_bootstrap_was_not_deployed_says_which_command_does_it() -> None:
    from infra import stack_outputs

    def look(chosen: settings.Settings) -> None:
        with pytest.raises(pulumi.RunError, match=r"no output .*origin_pull_ca; .*`pulumi up -C bootstrap -s global`"):
            stack_outputs.bootstrap(chosen.bootstrap)

    recording.record(cloud_settings(), look, {"pulumi:pulumi:readStackOutputs": {"outputs": {}}})


@EVERY
def test_names_that_aws_limits_to_64_characters_fit(environment: str) -> None:
    for role in of_type(stack(environment), "Role"):
        assert len(f"nuggetwise-{environment}-{role.name}-0a1b") <= 64, role.name
    for short in ("LoadBalancer", "TargetGroup", "TrustStore"):
        for resource in of_type(stack(environment), short):
            if resource.type.startswith("aws:"):
                assert len(f"{environment}-{resource.name}-0a1b") <= 32, resource.name
