"""CloudWatch in the cloud: a collector beside each task of the API sends what Prometheus reads on dev."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from infra.cluster.task import Container, Probe

if TYPE_CHECKING:
    from infra.policy import Statement
    from infra.settings import Settings

NAMESPACE = "Nuggetwise/API"

# AWS Distro for OpenTelemetry, pinned by a tag: its digest has to be looked up where that registry can be reached.
# Releases: https://github.com/aws-observability/aws-otel-collector/releases
IMAGE = "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0"

MEMORY = 128  # MiB; the collector sheds load before it gets there
LOG_STREAM = "metrics"

# What CloudWatch takes from a task, by dimensions. Each combination of their values is a metric that costs 0.30 USD a
# month, so routes are told apart only as far as an alarm needs it.
GAUGES_AND_COUNTERS = (
    "cache_available",
    "component_generations_total",
    "database_pool_connection_errors_total",
    "database_pool_request_errors_total",
    "database_pool_waiting_requests",
    "process_resident_memory_bytes",
)
REQUESTS = "http_request_duration_seconds"


def dimensions(settings: Settings) -> dict[str, str]:
    """The dimensions of GAUGES_AND_COUNTERS: one value for all tasks."""
    return {"stack": settings.name}


def request_dimensions(settings: Settings) -> dict[str, str]:
    """The dimensions of all REQUESTS but generations, which take as long as v0 does (their `work` is `generation`)."""
    return {**dimensions(settings), "work": "request"}


def console(settings: Settings) -> str:
    """Where a person looks at the metrics."""
    region = settings.place.region
    home = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return f"{home}#metricsV2?graph=~()&namespace={NAMESPACE}"


def collector(settings: Settings, log_group: pulumi.Input[str]) -> Container:
    """The container to run beside the API. A task whose collector ended goes on serving: it is not essential.

    Its image holds two programs and nothing else, and in a container it logs to its output and to no file.
    """
    region, stack = settings.place.region, settings.name
    config = pulumi.Output.from_input(log_group).apply(lambda group: collector_config(region, group, stack))
    return Container(
        name="collector",
        image=IMAGE,
        memory=MEMORY,
        environment={"AOT_CONFIG_CONTENT": pulumi.Output.json_dumps(config, sort_keys=True)},
        probe=Probe(["/healthcheck"], interval=30),
        essential=False,
    )


def collector_statement(log_group_arn: str) -> Statement:
    """What the task's role needs for it: to write to its own streams. CloudWatch takes the metrics from there."""
    return {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{log_group_arn}:log-stream:{LOG_STREAM}",
    }


def collector_config(region: str, log_group: str, stack: str) -> dict[str, Any]:
    """The collector's whole configuration.

    https://aws-otel.github.io/docs/getting-started/container-insights/ecs-prometheus and
    https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/awsemfexporter
    """
    names = [*GAUGES_AND_COUNTERS, *(f"{REQUESTS}_{part}" for part in ("bucket", "sum", "count"))]
    scrape = {
        "job_name": "api",
        "metrics_path": "/api/metrics",
        "scrape_interval": "60s",
        "scrape_timeout": "10s",
        "static_configs": [{"targets": ["127.0.0.1:3000"], "labels": {"stack": stack, "work": "request"}}],
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "|".join(names), "action": "keep"},
            # Thousands of good probes would hide what callers see.
            {"source_labels": ["route"], "regex": "/api/(health|metrics).*", "action": "drop"},
            {
                "source_labels": ["route"],
                "regex": "/api/components/.*",
                "target_label": "work",
                "replacement": "generation",
            },
        ],
    }
    return {
        "extensions": {"health_check": {}},
        "receivers": {"prometheus": {"config": {"scrape_configs": [scrape]}}},
        "processors": {"memory_limiter": {"check_interval": "5s", "limit_mib": MEMORY * 3 // 4}},
        "exporters": {
            "awsemf": {
                "region": region,
                "namespace": NAMESPACE,
                "log_group_name": log_group,
                "log_stream_name": LOG_STREAM,
                "dimension_rollup_option": "NoDimensionRollup",
                "metric_declarations": [
                    {"dimensions": [["stack"]], "metric_name_selectors": [f"^{n}$" for n in GAUGES_AND_COUNTERS]},
                    {"dimensions": [["stack", "work"]], "metric_name_selectors": [f"^{REQUESTS}$"]},
                ],
            }
        },
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "metrics": {"receivers": ["prometheus"], "processors": ["memory_limiter"], "exporters": ["awsemf"]}
            },
            "telemetry": {"logs": {"level": "warn"}, "metrics": {"level": "none"}},
        },
    }
