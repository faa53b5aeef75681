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


# What only the owner of the accounts can know, so that the committed files do not have it.
FROM_THE_ACCOUNTS: dict[str, Any] = {
    "aws": {"account": "123456789012"},
    "cloudflare": {"zone_id": "0" * 32},
    "frontend": {"repository": "nuggetwise/web", "stripe_publishable_key": "pk_test_1"},
    "watch": {"email": "ops@nuggetwise.com"},
    "keys": {name: {"secure": "v1:x"} for name in settings.Keys.model_fields},
    "plans": {"pro": {"stripe_price": "price_1", "monthly_generations": 500}},
}


def complete(stack: str, **changes: Any) -> dict[str, Any]:
    """The committed settings of a stack, completed as `pulumi config set` would, and changed block by block."""
    config = committed(stack)
    blocks = {**(FROM_THE_ACCOUNTS if stack != "dev" else {})}
    for name, block in [*blocks.items(), *changes.items()]:
        key = f"nuggetwise:{name}"
        config[key] = {**config.get(key, {}), **block} if isinstance(block, dict) else block
    return config


def test_an_image_is_named_as_it_is_found_where_the_stack_runs() -> None:
    by_name, by_digest = "nuggetwise/api:0123456789ab", f"sha256:{'0' * 64}"
    assert settings.parse("dev", complete("dev", image=by_name)).image == by_name
    assert settings.parse("staging", complete("staging", image=by_digest)).image == by_digest
    assert "give the name of an image on this machine (nuggetwise/api:...)" in error_of(image=by_digest)
    with pytest.raises(settings.SettingsError, match=r"image: .* does not go with environment staging; give a digest"):
        settings.parse("staging", complete("staging", image=by_name))


@pytest.mark.parametrize("stack", ["dev", "staging", "production"])
def test_the_committed_settings_are_valid_once_the_accounts_are_known(stack: str) -> None:
    assert settings.parse(stack, complete(stack)).environment == stack


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_everything_that_is_missing_is_named_at_once_with_the_command_that_sets_it(stack: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(stack, committed(stack))
    lines = str(caught.value).splitlines()
    assert all(": is missing; `pulumi config set" in line for line in lines)
    assert {line.split(": ")[1].removeprefix("nuggetwise:") for line in lines} == {
        "aws.account",
        "cloudflare.zone_id",
        "frontend.repository",
        "frontend.stripe_publishable_key",
        "watch.email",
        "keys.stripe_secret_key",
        "keys.stripe_webhook_secret",
        "keys.v0_api_key",
        "plans.pro.stripe_price",
    }
    assert (
        f"`pulumi config set -s {stack} --path nuggetwise:aws.account` sets it to the AWS account's number" in lines[0]
    )
    secret = next(line for line in lines if "keys.v0_api_key" in line)
    assert f"`pulumi config set -s {stack} --secret --path nuggetwise:keys.v0_api_key`" in secret


def test_one_mistake_hides_no_missing_value() -> None:
    config = {**committed("production"), "nuggetwise:keys": {"v0_api_key": "v1:1"}, "nuggetwise:port": "no number"}
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse("production", config)
    told = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert {"nuggetwise:aws.account", "nuggetwise:keys.stripe_secret_key", "nuggetwise:port"} <= set(told)
    assert "nuggetwise:keys.v0_api_key" not in told
    assert len(told) == len(set(told)), "nothing is told twice"


def test_an_accounts_number_may_stand_there_as_a_number() -> None:
    parsed = settings.parse("production", complete("production", aws={"account": 123456789012}))
    assert parsed.aws is not None
    assert parsed.aws.account == "123456789012"


@pytest.mark.parametrize("stack", ["dev", "staging"])
def test_an_external_database_and_cache_need_their_urls_as_secrets(stack: str) -> None:
    blocks: dict[str, Any] = {"database": {"kind": "external"}, "cache": {"kind": "external"}}
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(stack, complete(stack, **blocks))
    lines = str(caught.value).splitlines()
    for key, line in zip(("database.url", "database.owner_url", "cache.url"), lines, strict=True):
        command = f"`pulumi config set -s {stack} --secret --path nuggetwise:{key}`"
        assert line.startswith(f"Pulumi.{stack}.yaml: nuggetwise:{key}: is missing; {command} sets it to the ")
    urls = {"url": {"secure": "v1:hunter2"}, "owner_url": {"secure": "v1:hunter2"}}
    given = complete(
        stack,
        database={"kind": "external", **urls},
        cache={"kind": "external", "url": urls["url"]},
    )
    assert "hunter2" not in repr(settings.parse(stack, given))


def external(**urls: str) -> dict[str, Any]:
    database = {"url": "postgresql://api:a@db.test:6543/x", "owner_url": "postgres://owner:a@db.test/x"}
    blocks = {"database": {"kind": "external", **database}, "cache": {"kind": "external", "url": "redis://cache.test"}}
    for key, url in urls.items():
        block, name = key.split("_", 1)
        blocks[block][name] = url
    return complete("dev", **blocks)


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("database_url", "postgresql://api:hun#ter2@db.test/x"),
        ("database_url", "postgresql://api:hun/ter2@db.test/x"),
        ("database_url", "postgresql://api:hun?ter2@db.test/x"),
        ("database_url", "postgresql://api:hun@ter2@db.test/x"),
        ("database_url", "postgresql://api:ter2@db.test"),
        ("database_url", "postgresql://:ter2@db.test/x"),
        ("database_owner_url", "mysql://owner:ter2@db.test/x"),
        ("database_owner_url", "postgresql://owner:ter2@db.test:99999/x"),
        ("cache_url", "redis://:hun#ter2@cache.test"),
        ("cache_url", "https://:ter2@cache.test"),
        ("cache_url", "rediss://"),
    ],
)
def test_a_url_that_would_be_misread_is_refused_without_being_shown(key: str, url: str) -> None:
    settings.parse("dev", external())
    settings.parse("dev", external(database_url="postgresql://api:hun%23ter2@db.test:6543/x?sslmode=require"))
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse("dev", external(**{key: url}))
    name = key.replace("_", ".", 1)
    assert str(caught.value).startswith(f"Pulumi.dev.yaml: nuggetwise:{name}: what stands there is not right; it must")
    assert "ter2" not in str(caught.value)


IDENTITY = f"AGE-SECRET-KEY-1{'Q' * 58}"


@pytest.mark.parametrize("given", [IDENTITY, f"{IDENTITY} {IDENTITY}"])
def test_what_opens_an_earlier_stacks_backups_is_hidden(given: str) -> None:
    parsed = settings.parse("dev", complete("dev", backups={"bucket": "b-dev", "earlier_identities": given}))
    assert parsed.backups.earlier_identities is not None
    assert parsed.backups.earlier_identities.get_secret_value() == given
    assert "AGE-SECRET-KEY" not in repr(parsed)


@pytest.mark.parametrize("given", ["", IDENTITY[:-1], IDENTITY.lower(), f"{IDENTITY},{IDENTITY}", f"{IDENTITY} "])
def test_what_opens_no_backups_is_refused_without_being_shown(given: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse("dev", complete("dev", backups={"bucket": "b-dev", "earlier_identities": given}))
    said = "Pulumi.dev.yaml: nuggetwise:backups.earlier_identities: what stands there is not right; it must be what"
    assert str(caught.value).startswith(said)
    assert "QQQ" not in str(caught.value).upper()


@pytest.mark.parametrize(
    ("block", "change", "expected"),
    [
        ("api", {"task_cpu": 500}, "api.task_cpu: Fargate has no 500; it offers 256, 512, 1024"),
        (
            "api",
            {"task_memory": 512},
            "api.task_memory: Fargate has no 512 MiB with 512 CPU units; it offers 1024, 2048",
        ),
        ("database", {"instance_class": "db.m7g.lrge"}, "the nearest that it offers is db.m7g.large"),
        ("cache", {"node_type": "db.t4g.micro"}, "cache.node_type: AWS has no db.t4g.micro for this"),
        ("database", {"storage": 100, "max_storage": 105}, "database.max_storage: must be at least a tenth above"),
        ("watch", {"log_days": 31}, "watch.log_days: CloudWatch does not keep logs 31 days"),
        ("network", {"zones": 2, "nat_gateways": 3}, "network.nat_gateways: more than zones"),
        ("network", {"cidr": "8.8.0.0/16"}, "network.cidr"),
        ("network", {"cidr": "10.0.0.0/20"}, "network.cidr"),
        ("api", {"hostname": "api.example.com"}, "api.hostname: api.example.com is not in the zone nuggetwise.com"),
        ("api", {"hostname": "api.a.nuggetwise.com"}, "two levels below nuggetwise.com"),
    ],
)
def test_what_does_not_exist_or_lies_elsewhere_is_refused(block: str, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse("staging", complete("staging", **{block: change}))
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_frontend_outside_the_zone_is_refused() -> None:
    with pytest.raises(settings.SettingsError, match=r"frontend_url: web.example.com is not in the zone"):
        settings.parse("production", complete("production", frontend_url="https://web.example.com"))


def test_only_production_is_protected_by_pulumi_and_breaking_the_glass_takes_all_protection_off() -> None:
    staging, production = (settings.parse(name, complete(name)) for name in ("staging", "production"))
    assert (staging.protect, staging.deletion_protection) == (False, True)
    assert (production.protect, production.deletion_protection) == (True, True)
    broken = settings.parse("production", complete("production", break_glass=True))
    assert (broken.protect, broken.deletion_protection) == (False, False)


def test_credentials_of_the_providers_may_be_settings_or_variables() -> None:
    config = {"nuggetwise:environment": "production", "vercel:apiToken": "x"}
    (line,) = settings.missing_credentials("production", config, {})
    assert "`pulumi config set -s production --secret cloudflare:apiToken` or the variable CLOUDFLARE_API_TOKEN" in line
    assert settings.missing_credentials("production", config, {"CLOUDFLARE_API_TOKEN": "y"}) == []
    assert settings.missing_credentials("dev", {"nuggetwise:environment": "dev"}, {}) == []


def test_values_arrive_typed_whether_pulumi_hands_them_over_as_text_or_as_yaml() -> None:
    parsed = settings.parse("dev", DEV)
    assert (parsed.port, parsed.api.replicas, parsed.database.kind) == (8080, 3, "container")


def test_keys_of_other_namespaces_are_not_ours_to_judge() -> None:
    settings.parse("dev", {**DEV, "pulumi:autonaming": "{}", "aws:region": "eu-central-1"})


@pytest.mark.parametrize("stack", ["dev", "staging", "production"])
def test_the_committed_limits_are_those_of_the_specification(stack: str) -> None:
    limits = settings.parse(stack, complete(stack)).rate_limits
    assert (limits.api, limits.auth) == (100, 5)
    assert settings.RateLimits() == limits, "also where nothing is said"


def test_an_unknown_key_is_named_with_its_file_and_the_key_that_was_meant() -> None:
    assert error_of(prot="8080") == "Pulumi.dev.yaml: nuggetwise:prot: unknown setting; did you mean port?"


def test_an_unknown_key_inside_a_block_is_named_with_what_the_block_knows() -> None:
    message = error_of(cache='{"kind": "container", "zzz": 1}')
    known = "generation, kind, node_type, replicas, url"
    assert message == f"Pulumi.dev.yaml: nuggetwise:cache.zzz: unknown setting; known here: {known}"


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
    config = complete("staging", backups={"bucket": "nuggetwise-backups", "copy_bucket": "copy"})
    with pytest.raises(settings.SettingsError, match="nuggetwise-backups belongs to production"):
        settings.parse("staging", config)


def test_a_copy_in_the_same_region_is_no_copy() -> None:
    with pytest.raises(settings.SettingsError, match=r"aws\.copy_region: is the same"):
        settings.parse("production", complete("production", aws={"copy_region": "eu-central-1"}))


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
