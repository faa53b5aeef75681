"""Stack settings: what is accepted, and how a mistake is told."""

from typing import Any

import pytest
import yaml

from infra import settings
from infra.release import ROOT

DEV: dict[str, Any] = {
    "nuggetwise:environment": "dev",
    "nuggetwise:port": "8080",
    "nuggetwise:frontend_url": "http://localhost:3000",
    "nuggetwise:api": '{"replicas": 3, "pool_size": 10}',
    "nuggetwise:database": '{"kind": "container", "max_connections": 100}',
    "nuggetwise:cache": '{"kind": "container"}',
    "nuggetwise:backups": '{"bucket": "nuggetwise-backups-dev"}',
}


def error_of(stack: str = "dev", **changes: Any) -> str:
    config = {**DEV, **{f"nuggetwise:{key}": value for key, value in changes.items()}}
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(stack, {key: value for key, value in config.items() if value is not None})
    return str(caught.value)


def committed(stack: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]


@pytest.mark.parametrize("stack", ["dev", "staging", "production"])
def test_the_committed_settings_are_valid(stack: str) -> None:
    assert settings.parse(stack, committed(stack)).environment == stack


def test_values_arrive_typed_whether_pulumi_hands_them_over_as_text_or_as_yaml() -> None:
    parsed = settings.parse("dev", DEV)
    assert (parsed.port, parsed.api.replicas, parsed.database.kind) == (8080, 3, "container")


def test_keys_of_other_namespaces_are_not_ours_to_judge() -> None:
    settings.parse("dev", {**DEV, "pulumi:autonaming": "{}", "aws:region": "eu-central-1"})


@pytest.mark.parametrize("stack", ["dev", "staging", "production"])
def test_the_committed_limits_are_those_of_the_specification(stack: str) -> None:
    limits = settings.parse(stack, committed(stack)).rate_limits
    assert (limits.api, limits.auth) == (100, 5)
    assert settings.RateLimits() == limits, "also where nothing is said"


def test_an_unknown_key_is_named_with_its_file_and_the_key_that_was_meant() -> None:
    assert error_of(prot="8080") == "Pulumi.dev.yaml: nuggetwise:prot: unknown setting; did you mean port?"


def test_an_unknown_key_inside_a_block_is_named_with_what_the_block_knows() -> None:
    message = error_of(cache='{"kind": "container", "zzz": 1}')
    assert message == "Pulumi.dev.yaml: nuggetwise:cache.zzz: unknown setting; known here: kind"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"port": "eighty"}, 'nuggetwise:port: "eighty" is not right; it must be the first of four loopback ports'),
        ({"port": "80"}, 'nuggetwise:port: "80" is not right'),
        ({"api": '{"replicas": 0}'}, "nuggetwise:api.replicas: 0 is not right; it must be a whole number from 1 to 12"),
        ({"api": "{broken"}, "nuggetwise:api: "),
        ({"environment": "prod"}, 'nuggetwise:environment: "prod" is not right; it must be dev, staging or production'),
        ({"database": None}, "nuggetwise:database: is missing; set it to a block with kind, max_connections"),
        ({"backups": '{"bucket": "Up_per"}'}, "nuggetwise:backups.bucket: "),
        ({"port": None}, "nuggetwise:port: is missing"),
        (
            {"rate_limits": '{"auth": 0}'},
            "nuggetwise:rate_limits.auth: 0 is not right; it must be requests per address",
        ),
    ],
)
def test_a_wrong_value_is_told_with_file_key_and_what_is_right(changes: dict[str, Any], expected: str) -> None:
    assert error_of(**changes).startswith(f"Pulumi.dev.yaml: {expected}")


def test_every_mistake_is_told_at_once() -> None:
    assert len(error_of(port="x", environment="y", cache=None).splitlines()) == 3


def test_more_connections_than_the_database_takes_are_refused_with_the_sum() -> None:
    message = error_of(api='{"replicas": 6, "pool_size": 10}')
    assert "nuggetwise:api.pool_size" in message
    assert "= 130, above database.max_connections (100)" in message


def test_staging_may_not_carry_productions_names() -> None:
    config = {**committed("staging"), "nuggetwise:backups": {"bucket": "nuggetwise-backups", "copy_bucket": "copy"}}
    with pytest.raises(settings.SettingsError, match="nuggetwise-backups belongs to production"):
        settings.parse("staging", config)


def test_a_copy_in_the_same_region_is_no_copy() -> None:
    aws = {"region": "eu-central-1", "copy_region": "eu-central-1"}
    with pytest.raises(settings.SettingsError, match=r"aws\.copy_region: is the same"):
        settings.parse("production", {**committed("production"), "nuggetwise:aws": aws})


def test_a_dev_database_in_the_cloud_is_refused() -> None:
    assert "database.kind: rds does not go with environment dev" in error_of(database='{"kind": "rds"}')


def test_a_stack_name_that_docker_would_refuse_is_refused_first() -> None:
    assert error_of(stack="Up Per").startswith("stack name 'Up Per': ")


def test_keys_of_stripe_need_a_price_to_sell() -> None:
    keys = {name: {"secure": "v1:x"} for name in ("stripe_secret_key", "stripe_webhook_secret", "v0_api_key")}
    assert "nuggetwise:plans.pro.stripe_price: is missing" in error_of(keys=keys)
    plans = {"pro": {"monthly_generations": 500, "stripe_price": "prod_1"}}
    assert "must be the id of a price at Stripe" in error_of(plans=plans)


def test_keys_are_read_encrypted_too_and_never_shown() -> None:
    keys = {name: {"secure": f"v1:{name}"} for name in ("stripe_secret_key", "stripe_webhook_secret", "v0_api_key")}
    plans = {"pro": {"monthly_generations": 500, "stripe_price": "price_1,price_0"}}
    parsed = settings.parse("dev", {**DEV, "nuggetwise:keys": keys, "nuggetwise:plans": plans})
    assert parsed.keys
    assert parsed.keys.v0_api_key.get_secret_value() == "v1:v0_api_key"
    assert "v1:v0" not in repr(parsed)
    message = error_of(keys='{"v0_api_key": ["v1:hunter2"], "stripe_secret_key": "sk_1"}')
    assert "nuggetwise:keys.v0_api_key: what stands there is not right; it must be an API key of v0" in message
    assert "nuggetwise:keys.stripe_webhook_secret: is missing" in message
    assert "hunter2" not in message


def test_a_secret_of_sentrys_is_not_shown_by_its_error() -> None:
    message = error_of(sentry_dsn=["https://hunter2@sentry.example/1"])
    assert "nuggetwise:sentry_dsn" in message
    assert "hunter2" not in message
