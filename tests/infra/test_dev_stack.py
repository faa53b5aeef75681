"""What the dev stack declares."""

import json
import re
from typing import Any

import pytest
import yaml

from infra import release, settings
from infra.container import sdk
from infra.database.local import tuned
from infra.environments import dev
from jobs import settings as of_jobs
from jobs.__main__ import keep_months
from jobs.metrics import Metrics
from jobs.serve import END_SECONDS, PORT
from migrations.settings import target

from .conftest import dev_settings, record, replicas_of
from .recording import Recorded, is_secret, unsealed


def named(containers: list[Recorded], component: str) -> list[Recorded]:
    return [c for c in containers if {"label": "nuggetwise.component", "value": component} in c.inputs["labels"]]


def variables(container: Recorded) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in unsealed(container.inputs["envs"]))


def test_there_are_as_many_replicas_as_the_settings_say() -> None:
    assert replicas_of(record(dev_settings(api={"replicas": 2})))["replicas"] == 2


def test_replicas_have_the_limits_and_the_probe_of_the_specification(replicas: dict[str, Any]) -> None:
    assert (replicas["replicas"], replicas["ready_within"]) == (3, 300)
    made = sdk.arguments(replicas["limits"])
    assert (made["mem_limit"], made["memswap_limit"], made["nano_cpus"]) == ("512m", "512m", 500_000_000)
    probe, second = made["healthcheck"], 1_000_000_000
    assert (probe["test"], probe["timeout"], probe["retries"]) == (["CMD", "probe"], 10 * second, 3)
    assert probe["interval"] <= 30 * second


def test_the_api_connects_as_the_unprivileged_role(replicas: dict[str, Any]) -> None:
    secrets = unsealed(replicas["secrets"])
    assert secrets["DATABASE_URL"].startswith("postgresql://nuggetwise_api:")
    assert not any("nuggetwise_owner" in value or "postgres:" in value for value in secrets.values())


def test_a_preview_shows_the_variables_that_are_no_secrets(replicas: dict[str, Any]) -> None:
    assert not is_secret(replicas["environment"])
    assert replicas["environment"]["APP_VERSION"] == replicas["version"] == release.app_version()
    assert not replicas["environment"].keys() & unsealed(replicas["secrets"]).keys()


def test_the_rate_limits_reach_the_replicas() -> None:
    environment = replicas_of(record(dev_settings(rate_limits={"api": 7, "auth": 3})))["environment"]
    assert (environment["RATE_LIMIT_API"], environment["RATE_LIMIT_AUTH"]) == ("7", "3")


def test_variables_are_sorted_so_that_a_preview_shows_one_line_for_one_change(containers: list[Recorded]) -> None:
    for container in containers:
        names = list(variables(container))
        assert names == sorted(names), container.name


def test_every_secret_is_generated_and_no_two_are_the_same(resources: list[Recorded]) -> None:
    generated = [r.name for r in resources if r.type.endswith(":GeneratedSecret")]
    assert len(generated) == len(set(generated)) == 12


def test_ports_follow_from_the_one_port_of_the_settings(containers: list[Recorded]) -> None:
    published = {port["external"] for c in containers for port in c.inputs.get("ports", [])}
    assert published == {18080, 18081, 18082, 18083}


def test_images_carry_the_digest_of_their_sources(resources: list[Recorded]) -> None:
    images = [r for r in resources if r.type.endswith(":RemoteImage")]
    assert {r.inputs["name"] for r in images} == {release.image_name(image) for image in release.IMAGE_SOURCES}
    assert all(re.fullmatch(r"nuggetwise/[a-z-]+:[0-9a-f]{12}", r.inputs["name"]) for r in images)


def test_an_image_stays_when_it_is_replaced_since_another_stack_may_run_it(resources: list[Recorded]) -> None:
    assert all(r.inputs["keepLocally"] for r in resources if r.type.endswith(":RemoteImage"))


def test_a_build_context_is_the_same_in_every_clone(resources: list[Recorded]) -> None:
    assert {r.inputs["build"]["context"] for r in resources if r.type.endswith(":RemoteImage")} == {".."}


def test_the_database_archives_to_the_stacks_own_store(containers: list[Recorded]) -> None:
    (database,), (files,) = named(containers, "database"), named(containers, "object-store-files")
    given, store = variables(database), variables(files)
    assert (given["ARCHIVE_ENDPOINT"], given["ARCHIVE_CA"]) == ("object-store:9000", "PEM")
    assert given["ARCHIVE_BUCKET"] == store["BUCKET"]
    assert given["ARCHIVE_ACCESS_KEY"] == store["S3_ACCESS_KEY"]
    assert given["ARCHIVE_SECRET_KEY"] == store["S3_SECRET_KEY"]
    assert len(given["ARCHIVE_PASS"]) == 64
    assert given["ARCHIVE_PASS"] not in store.values()


def test_data_is_in_volumes(containers: list[Recorded]) -> None:
    with_data = {c.name: c.inputs["volumes"][0]["containerPath"] for c in containers if c.inputs.get("volumes")}
    assert with_data == {
        "database": "/var/lib/postgresql",
        "object-store-files": "/var/lib/object-store",
        "metrics": "/var/lib/prometheus/data",
        "load-balancer": "/var/lib/load-balancer",
        "ops": "/work",
    }


def test_a_new_cluster_begins_with_the_settings_that_it_is_told_afterwards() -> None:
    start = (release.ROOT / "images" / "database" / "start").read_text()
    begun = dict(re.findall(r"--set (\w+)=(\S+)", start))
    told = tuned(dev_settings())
    assert begun.pop("max_connections") == '"${MAX_CONNECTIONS:-100}"'
    assert told.pop("max_connections") == "100"
    assert begun == told


def test_an_image_that_is_named_is_deployed_and_all_else_stays_as_it_is() -> None:
    stack = record(dev_settings(image="nuggetwise/api:0123456789ab"))
    named_image = replicas_of(stack)
    assert named_image["image"] == "nuggetwise/api:0123456789ab"
    assert named_image["environment"]["APP_VERSION"].endswith("+0123456789ab")
    kept = {r.name: r.ignored for r in stack if r.type in dev.AS_DEPLOYED}
    assert set(kept["api-image"]) == {"name", "build"}
    assert set(kept["migrations"]) == {"digest", "image"}
    assert set(kept["load-balancer-settings"]) == {"config"}


def test_the_migrations_step_runs_the_release_that_it_precedes(
    resources: list[Recorded], replicas: dict[str, Any]
) -> None:
    (step,) = [r for r in resources if r.type.endswith(":MigrationRun")]
    assert step.inputs["image"] == replicas["image"]
    assert sorted(step.inputs["environment"]) == ["ADMIN_DATABASE_URL", "DATABASE_URL", "OWNER_DATABASE_URL"]


def test_without_keys_the_api_asks_fakes_with_keys_made_for_this_stack(
    containers: list[Recorded], replicas: dict[str, Any]
) -> None:
    api, (fakes,) = unsealed(replicas["secrets"]), named(containers, "fakes")
    assert (api["STRIPE_API_URL"], api["V0_API_URL"]) == ("http://fakes:8000/stripe", "http://fakes:8000/v0")
    assert fakes.inputs["networksAdvanced"][0]["aliases"] == ["fakes"]
    keys = {"STRIPE_SECRET_KEY": "sk_test_", "STRIPE_WEBHOOK_SECRET": "whsec_", "V0_API_KEY": "v1:"}
    for name, beginning in keys.items():
        assert api[name] == variables(fakes)[name]
        assert api[name].startswith(beginning)
    (balancer,) = named(containers, "load-balancer")
    assert variables(fakes)["WEBHOOK_URL"] == "http://load-balancer:8080/api/webhooks/stripe"
    assert balancer.inputs["networksAdvanced"][0]["aliases"] == ["load-balancer"]


def test_with_keys_the_api_asks_the_real_services_and_there_are_no_fakes() -> None:
    keys = {"stripe_secret_key": "sk_live_1", "stripe_webhook_secret": "whsec_1", "v0_api_key": "v1:1"}
    plans = {"pro": {"monthly_generations": 500, "stripe_price": "price_1"}}
    stack = record(dev_settings(keys=keys, plans=plans))
    running = [r for r in stack if r.type.endswith(":Container")]
    assert named(running, "fakes") == []
    sealed = replicas_of(stack)["secrets"]
    assert is_secret(sealed), "what holds a secret is one"
    api = unsealed(sealed)
    assert {name.lower(): api[name] for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "V0_API_KEY")} == keys
    assert api["STRIPE_PRICE_PRO"] == "price_1"
    assert not {"STRIPE_API_URL", "V0_API_URL"} & api.keys()


def test_the_fakes_stay_when_only_the_apis_code_changes(resources: list[Recorded]) -> None:
    images = {r.name: r.inputs for r in resources if r.type.endswith(":RemoteImage")}
    base = release.api_base_name()
    assert images["api-image"]["build"]["tags"] == [base]
    assert images["fakes-image"]["build"]["buildArgs"] == {"API_IMAGE": base}
    assert not {"app", "migrations"} & {*release.API_PACKAGES, *release.IMAGE_SOURCES["fakes"]}


def test_quotas_reach_the_api() -> None:
    plans = {"free": {"monthly_generations": 3}, "pro": {"monthly_generations": 7}}
    api = replicas_of(record(dev_settings(plans=plans)))["environment"]
    assert (api["QUOTA_FREE"], api["QUOTA_PRO"]) == ("3", "7")


@pytest.mark.parametrize(("block", "key"), [("keys", "v0_api_key"), ("backups", "earlier_identities")])
def test_keys_in_clear_are_refused(monkeypatch: pytest.MonkeyPatch, block: str, key: str) -> None:
    monkeypatch.setattr(settings.pulumi, "get_stack", lambda: "dev")
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({f"nuggetwise:{block}": json.dumps({key: "v1:2"})}))
    with pytest.raises(settings.SettingsError, match=f"nuggetwise:{block}: stands there in clear") as caught:
        settings.load()
    assert "v1:2" not in str(caught.value)


URLS = {
    "database": {
        "kind": "external",
        "url": "postgresql://api:secret@db.test:6543/x",
        "owner_url": "postgresql://owner:secret@db.test/x",
    },
    "cache": {"kind": "external", "url": "rediss://:secret@cache.test:6380"},
}


def test_servers_that_live_elsewhere_leave_nothing_of_them_in_the_stack() -> None:
    stack = record(dev_settings(**URLS))
    assert not [r.name for r in stack if r.name.startswith(("database", "cache"))]
    (step,) = [r for r in stack if r.type.endswith(":MigrationRun")]
    assert step.inputs["database"] == "db.test:5432/x"
    assert is_secret(step.inputs["environment"])
    assert unsealed(step.inputs["environment"]) == {
        "DATABASE_URL": URLS["database"]["url"],
        "OWNER_DATABASE_URL": URLS["database"]["owner_url"],
    }


def test_one_server_may_live_elsewhere_and_the_other_here() -> None:
    names = {r.name for r in record(dev_settings(cache=URLS["cache"]))}
    assert "database" in names
    assert "cache" not in names


def test_the_jobs_understand_what_their_container_is_told(containers: list[Recorded]) -> None:
    (ops,), (store,) = named(containers, "ops"), named(containers, "object-store-files")
    assert ops.inputs["command"] == ["python3", "-m", "jobs", "serve"]
    assert is_secret(ops.inputs["envs"]), "what holds a secret is one"
    given = variables(ops)
    bucket, source = of_jobs.bucket(given), of_jobs.source(given)
    assert (bucket.name, bucket.prefix, bucket.expiry) == ("backups-unit", "database/", "delete")
    assert (bucket.endpoint, bucket.authority) == ("https://object-store:9000", "PEM")
    assert (given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]) == (
        variables(store)["S3_ACCESS_KEY"],
        variables(store)["S3_SECRET_KEY"],
    )
    assert (source.stack, source.api_role) == ("unit", "nuggetwise_api")
    assert source.release == release.app_version(release.image_tag("ops"))
    assert given["BACKUP_RECIPIENT"] == "age1recipient"
    assert given["BACKUP_IDENTITY"] == "AGE-SECRET-KEY-1IDENTITY"
    assert of_jobs.work_dir(given).as_posix() == ops.inputs["volumes"][0]["containerPath"]
    assert Metrics.of(given).namespace is None, "Prometheus asks"
    assert (target(given, "OWNER_DATABASE_URL").role, target(given, "OWNER_DATABASE_URL").database) == (
        "nuggetwise_owner",
        "nuggetwise",
    )
    assert keep_months(given) == 24
    assert "ADMIN_DATABASE_URL" not in given, "who restores brings it"


def test_the_container_of_the_jobs_waits_for_no_other_and_none_for_it(resources: list[Recorded]) -> None:
    servers = {r.name for r in resources if r.type.endswith((":Container", ":Replicas", ":MigrationRun"))}
    waits = {r.name: set(r.dependencies) for r in resources if r.name in servers}
    assert not waits["ops"] & servers
    assert not [name for name, others in waits.items() if "ops" in others]
    (ops,) = [r for r in resources if r.type.endswith(":Container") and r.name == "ops"]
    assert ops.inputs["destroyGraceSeconds"] > END_SECONDS, "a job that is told to end is given the time"


def test_prometheus_asks_the_jobs_where_they_listen(containers: list[Recorded]) -> None:
    config = yaml.safe_load((release.ROOT / "images" / "prometheus" / "prometheus.yml").read_text())
    (asked,) = [each for each in config["scrape_configs"] if each["job_name"] == "ops"]
    assert asked["static_configs"] == [{"targets": [f"ops:{PORT}"]}]
    (ops,) = named(containers, "ops")
    assert ops.inputs["networksAdvanced"][0]["aliases"] == ["ops"]
    assert ops.inputs["healthcheck"]["tests"][-1] == f"http://127.0.0.1:{PORT}/healthz"
    assert re.search(r"\bcurl\b", (release.ROOT / "images" / "ops" / "Dockerfile").read_text())


def test_jobs_of_a_database_that_lives_elsewhere_find_it_also_on_this_machine() -> None:
    stack = [r for r in record(dev_settings(**URLS)) if r.type.endswith(":Container")]
    (ops,) = named(stack, "ops")
    assert ops.inputs["hosts"] == [{"host": "host.docker.internal", "ip": "host-gateway"}]
    assert variables(ops)["OWNER_DATABASE_URL"] == URLS["database"]["owner_url"]
    assert variables(ops)["API_ROLE"] == "api"


def test_a_dev_stack_whose_state_is_lost_finds_the_key_of_its_backups_again(resources: list[Recorded]) -> None:
    (pair,) = [r for r in resources if r.type.endswith(":AgeKey")]
    assert pair.inputs["keep_as"] == "unit"
