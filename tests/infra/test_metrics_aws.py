"""What the collector beside a task sends to CloudWatch."""

import json
import re
from typing import Any

import pulumi
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Histogram
from prometheus_client.registry import CollectorRegistry

from infra import release
from infra.metrics import aws as metrics
from infra.settings import Settings

from .recording import cloud_settings, record

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


def scrape(config: dict[str, Any]) -> dict[str, Any]:
    (job,) = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    return job


def relabelled(config: dict[str, Any], labels: dict[str, str]) -> dict[str, str] | None:
    """What Prometheus makes of a series, None if it drops it. Its regular expressions match whole values."""
    labels = {**labels, **scrape(config)["static_configs"][0]["labels"]}
    for rule in scrape(config)["metric_relabel_configs"]:
        value = ";".join(labels.get(name, "") for name in rule["source_labels"])
        matches = re.fullmatch(rule["regex"], value) is not None
        action = rule.get("action", "replace")
        if (action == "keep" and not matches) or (action == "drop" and matches):
            return None
        if action == "replace" and matches:
            labels[rule["target_label"]] = rule["replacement"]
    return labels


@given(region=st.just("eu-central-1"), group=NAMES, stack=NAMES)
def test_the_configuration_holds_together(region: str, group: str, stack: str) -> None:
    config = metrics.collector_config(region, group, stack)
    assert json.loads(json.dumps(config)) == config
    service = config["service"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(service["pipelines"]["metrics"][kind]) == config[kind].keys()
    assert set(service["extensions"]) == config["extensions"].keys()
    exporter = config["exporters"]["awsemf"]
    assert (exporter["log_group_name"], exporter["namespace"]) == (group, metrics.NAMESPACE)
    assert scrape(config)["static_configs"][0]["targets"] == ["127.0.0.1:3000"]
    assert scrape(config)["static_configs"][0]["labels"]["stack"] == stack
    # The collector takes `$` for the beginning of a variable.
    assert "${" not in json.dumps(config)


def test_dimensions_are_labels_that_every_series_carries() -> None:
    settings = cloud_settings()
    config = metrics.collector_config("eu-central-1", "logs", settings.name)
    series = relabelled(config, {"__name__": "http_request_duration_seconds_sum", "route": "/api/users/me"})
    assert series is not None
    asked = metrics.request_dimensions(settings)
    assert {name: series[name] for name in asked} == asked
    first, second = config["exporters"]["awsemf"]["metric_declarations"]
    assert first["dimensions"] == [list(metrics.dimensions(settings))]
    assert second["dimensions"] == [list(asked)]


def test_generations_and_probes_do_not_blur_how_fast_the_api_is() -> None:
    config = metrics.collector_config("eu-central-1", "logs", "production")

    def of(route: str) -> dict[str, str] | None:
        return relabelled(config, {"__name__": "http_request_duration_seconds_count", "route": route})

    assert of("/api/health") is of("/api/health/live") is of("/api/metrics") is None
    assert (of("/api/components/generations") or {})["work"] == "generation"
    assert (of("/api/installations/{id}") or {})["work"] == "request"


def test_every_part_of_a_histogram_is_sent_and_nothing_else_of_it() -> None:
    registry = CollectorRegistry()
    Histogram(metrics.REQUESTS, "-", registry=registry).observe(1)
    config = metrics.collector_config("eu-central-1", "logs", "production")
    names = {sample.name for family in registry.collect() for sample in family.samples}
    sent = {name for name in names if relabelled(config, {"__name__": name})}
    assert {name.removeprefix(metrics.REQUESTS) for name in sent} == {"_bucket", "_sum", "_count"}


def test_the_api_has_every_metric_that_is_sent() -> None:
    source = (release.ROOT / "app/metrics/registry.py").read_text()
    for name in (metrics.REQUESTS, *metrics.GAUGES_AND_COUNTERS):
        # prometheus_client adds _total to a counter's name, and the process's own metrics.
        stem = name.removesuffix("_total").removeprefix("database_pool_")
        assert f'"{stem}"' in source or stem.startswith("process_"), name


def test_the_collector_may_write_to_its_own_streams_only() -> None:
    statement = metrics.collector_statement("arn:aws:logs:eu-central-1:1:log-group:tasks")
    assert statement["Resource"] == "arn:aws:logs:eu-central-1:1:log-group:tasks:log-stream:metrics"
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_the_task_goes_on_without_its_collector() -> None:
    configs: list[str] = []

    def program(settings: Settings) -> None:
        container = metrics.collector(settings, "logs")
        assert container.essential is False
        assert container.memory <= 256
        assert re.fullmatch(r"public\.ecr\.aws/\S+:v\d+\.\d+\.\d+", str(container.image)), "pinned to one version"
        pulumi.Output.from_input(container.environment["AOT_CONFIG_CONTENT"]).apply(configs.append)

    record(cloud_settings(), program)
    assert json.loads(configs[0]) == metrics.collector_config("eu-central-1", "logs", "production")


def test_the_console_shows_the_namespace_in_the_stacks_region() -> None:
    assert metrics.console(cloud_settings()).startswith("https://eu-central-1.console.aws.amazon.com/cloudwatch/")
