"""What is watched, and what is said then."""

import json
import re
from datetime import UTC, datetime
from typing import Any, get_args

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.alarms import rule as rule_module
from infra.alarms.alarms import EVENTS, Alarms, DeploymentAlarms, Watched
from infra.alarms.failed_task import FailedTask, pattern
from infra.alarms.rule import Failure, Metric, Rule, Share
from infra.alarms.table import BACKUPS, everything_lost, probes, rules
from infra.alarms.topic import Topic, policy
from infra.metrics import aws as metrics
from infra.settings import Settings
from jobs.metrics import Metrics as Reported

from .recording import ACCOUNT, Recorded, cloud_settings, record

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
NO_OPTIONS = pulumi.ResourceOptions()

EXTERNAL: dict[str, Any] = {
    "database": {
        "kind": "external",
        "max_connections": 400,
        "url": "postgresql://api:1@db.example.com:6543/postgres",
        "owner_url": "postgresql://owner:2@db.example.com:5432/postgres",
    },
    "cache": {"kind": "external", "url": "rediss://:3@cache.example.com:6379/0"},
}


def watched(settings: Settings) -> Watched:
    rds, elasticache = settings.database.kind == "rds", settings.cache.kind == "elasticache"
    return Watched(
        cluster="cluster-1",
        service="api-1",
        load_balancer="app/lb/1",
        targets="targetgroup/api/1",
        dead_letters="schedules-1",
        database="database-1" if rds else None,
        cache="cache-1" if elasticache else None,
    )


def declare(settings: Settings) -> None:
    DeploymentAlarms("deployment-alarms", settings, TOPIC, "app/lb/1", "targetgroup/api/1", NO_OPTIONS)
    Alarms("alarms", settings, TOPIC, watched(settings), NO_OPTIONS)


def declared(settings: Settings) -> list[Recorded]:
    return [resource for resource in record(settings, declare) if not resource.type.startswith("nuggetwise:")]


def every_text(settings: Settings) -> list[str]:
    return [
        *(rule.description for rule in rules(settings)),
        *(probe.rule.description for probe in probes(settings)),
        everything_lost(settings),
    ]


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("changes", [{}, EXTERNAL], ids=["own", "external"])
def test_every_failure_of_the_specification_has_an_alarm(environment: str, changes: dict[str, Any]) -> None:
    texts = every_text(cloud_settings(environment, **changes))
    for failure in get_args(Failure):
        assert any(text.startswith(f"{failure}: ") for text in texts), failure


def test_every_alarm_says_what_it_means_and_a_command_to_begin_with() -> None:
    for text in every_text(cloud_settings()) + every_text(cloud_settings(**EXTERNAL)):
        assert len(text) <= rule_module.LONGEST_DESCRIPTION, text
        assert re.search(r"`(aws|curl|make|pulumi) |provider's status page", text), text


def test_every_rule_of_the_table_is_declared_and_tells_the_topic_when_it_rings_and_when_it_is_over() -> None:
    settings = cloud_settings("staging")
    alarms = [resource for resource in declared(settings) if resource.type == ALARM]
    assert sorted(alarm.name for alarm in alarms) == sorted(rule.name for rule in rules(settings)), "each once"
    for inputs in (alarm.inputs for alarm in alarms):
        assert inputs["alarmActions"] == inputs["okActions"] == [TOPIC]
        assert inputs["alarmDescription"]


def test_an_alarm_carries_its_rule() -> None:
    settings = cloud_settings()
    alarms = {resource.name: resource.inputs for resource in declared(settings)}
    connections = alarms["database-connections"]
    assert connections["dimensions"] == {"DBInstanceIdentifier": "database-1"}
    assert connections["threshold"] == 320, "80 % of database.max_connections"
    assert (connections["comparisonOperator"], connections["statistic"]) == ("GreaterThanThreshold", "Maximum")
    tasks = alarms["running-tasks"]
    assert tasks["dimensions"] == {"ClusterName": "cluster-1", "ServiceName": "api-1"}
    assert (tasks["comparisonOperator"], tasks["threshold"]) == ("LessThanThreshold", 3)
    assert tasks["treatMissingData"] == "breaching", "a service that reports nothing is no service"
    assert alarms["hanging-requests"]["extendedStatistic"] == "p99"
    assert "statistic" not in alarms["hanging-requests"]


def test_deployments_roll_back_on_what_a_deployment_can_break() -> None:
    names: list[str] = []

    def program(settings: Settings) -> None:
        made = DeploymentAlarms("deployment-alarms", settings, TOPIC, "app/lb/1", "targetgroup/api/1", NO_OPTIONS)
        pulumi.Output.all(*made.names).apply(names.extend)

    alarms = {r.name: r.inputs for r in record(cloud_settings(), program) if r.type == ALARM}
    assert alarms.keys() == {"unhealthy-targets", "server-errors", "hanging-requests"}
    assert sorted(names) == sorted(f"{name}-0a1b2c" for name in alarms), "the names that AWS knows them by"
    # ECS gives a deployment up after 300 s; what rolls it back has to be faster.
    assert all(rule.period * rule.periods <= 180 for rule in rules(cloud_settings()) if rule.rolls_back)


def test_server_errors_are_counted_where_the_load_balancer_counts_them() -> None:
    alarms = {resource.name: resource.inputs for resource in declared(cloud_settings())}
    queries = alarms["server-errors"]["metricQueries"]
    asked = {query["metric"]["metricName"]: query["metric"] for query in queries if "metric" in query}
    assert asked.keys() == {"HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "RequestCount"}
    # With a target group, CloudWatch has no HTTPCode_ELB_5XX_Count at all.
    assert all(metric["dimensions"] == {"LoadBalancer": "app/lb/1"} for metric in asked.values())
    assert [query["id"] for query in queries if query.get("returnData")] == ["share"]


def test_each_node_of_the_cache_has_its_own_alarms() -> None:
    alarms = {resource.name: resource.inputs for resource in declared(cloud_settings())}
    nodes = {alarms[f"cache-memory-{number}"]["dimensions"]["CacheClusterId"] for number in (1, 2)}
    assert nodes == {"cache-1-001", "cache-1-002"}


def test_what_lives_elsewhere_has_no_alarm_here() -> None:
    settings = cloud_settings(**EXTERNAL)
    made = declared(settings)
    assert not any(resource.type == "aws:rds/eventSubscription:EventSubscription" for resource in made)
    assert not {"AWS/RDS", "AWS/ElastiCache"} & {resource.inputs.get("namespace") for resource in made}
    assert "database-unreachable" in {resource.name for resource in made}, "what the API sees of it is watched"
    assert "database.restore" not in "".join(every_text(settings))
    assert "database.restore" in "".join(every_text(cloud_settings()))


def test_rds_tells_of_its_failures_and_of_changes_to_what_protects_it() -> None:
    made = [r for r in declared(cloud_settings()) if r.type == "aws:rds/eventSubscription:EventSubscription"]
    assert {resource.inputs["sourceType"] for resource in made} == EVENTS.keys()
    (instance,) = (resource.inputs for resource in made if resource.inputs["sourceType"] == "db-instance")
    assert instance["sourceIds"] == ["database-1"]
    assert {"failover", "failure", "low storage"} <= set(instance["eventCategories"])


def test_a_backup_is_missed_after_26_hours_and_a_restore_test_after_8_days() -> None:
    of = {rule.name: rule for rule in rules(cloud_settings())}
    missing = of["backup-missing"]
    assert (missing.period * missing.periods, missing.missing) == (26 * 3600, "breaching")
    assert of["restore-test-old"].threshold == 8 * 24
    assert {r.metric.namespace for r in of.values() if r.subject == "backups" and isinstance(r.metric, Metric)} == {
        BACKUPS
    }


def test_alarms_on_backups_ask_for_what_the_jobs_report(monkeypatch: pytest.MonkeyPatch) -> None:
    said: set[str] = set()

    def send(_self: Reported, name: str, _value: float, _unit: str) -> None:
        said.add(name)

    monkeypatch.setattr(Reported, "_send", send)
    told = Reported(BACKUPS, "production", "eu-central-1")
    told.backup(made=True)
    told.restore_test(passed=False)
    told.restore_test_age(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
    table = [rule.metric for rule in rules(cloud_settings()) if rule.subject == "backups"]
    assert {metric.name for metric in table if isinstance(metric, Metric)} == said


def test_alarms_on_the_tasks_metrics_ask_for_what_the_collector_sends() -> None:
    sent = {*metrics.GAUGES_AND_COUNTERS, metrics.REQUESTS}
    asked = {
        rule.metric.name
        for rule in rules(cloud_settings())
        if isinstance(rule.metric, Metric) and rule.metric.namespace == metrics.NAMESPACE
    }
    assert asked
    assert asked <= sent


@given(
    replicas=st.integers(1, 12),
    storage=st.integers(20, 16384),
    connections=st.integers(300, 5000),
    nodes=st.integers(0, 5),
)
def test_the_table_holds_together_for_all_settings(replicas: int, storage: int, connections: int, nodes: int) -> None:
    settings = cloud_settings(
        api={"replicas": replicas, "hostname": "api.nuggetwise.com"},
        database={"kind": "rds", "storage": storage, "max_storage": 65536, "max_connections": connections},
        cache={"kind": "elasticache", "replicas": nodes},
    )
    table = rules(settings)
    assert len({rule.name for rule in table}) == len(table)
    for rule in table:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        assert rule.period * rule.periods <= (7 * 24 * 3600 if rule.period >= 3600 else 24 * 3600), rule.name
        assert rule.period % 60 == 0
        # The names that AWS gets: nuggetwise-<stack>-<name>-<hex>.
        assert re.fullmatch(r"[a-z-]{3,40}", rule.name)
    of = {rule.name: rule for rule in table}
    assert 0 < of["database-storage"].threshold < storage * 2**30 / 10, "below where RDS adds storage by itself"
    assert of["database-connections"].threshold < connections


METRICS = st.builds(Metric, st.just("N"), st.sampled_from("abcdef"), st.just("Sum"))


@given(
    parts=st.lists(METRICS, min_size=1, max_size=3).map(tuple[Metric, ...]),
    whole=st.lists(METRICS, min_size=1, max_size=3).map(tuple[Metric, ...]),
    values=st.lists(st.none() | st.integers(0, 1000), min_size=6, max_size=6),
    at_least=st.integers(1, 100),
)
def test_a_share_is_in_percent_of_the_whole_and_nothing_while_the_whole_is_small(
    parts: tuple[Metric, ...], whole: tuple[Metric, ...], values: list[int | None], at_least: int
) -> None:
    share = Share(parts, whole, at_least)
    known = {name: values["abcdef".index(metric.name)] for name, metric in share.metrics.items()}
    functions = {
        "FILL": lambda value, default: default if value is None else value,  # pyright: ignore[reportUnknownLambdaType]
        "IF": lambda condition, then, otherwise: then() if condition else otherwise,  # pyright: ignore[reportUnknownLambdaType]
    }
    lazily = re.sub(r", (100 \* .*), 0\)$", r", lambda: \1, 0)", share.expression)
    total = sum(values["abcdef".index(metric.name)] or 0 for metric in whole)
    part = sum(values["abcdef".index(metric.name)] or 0 for metric in parts)
    expected = 100 * part / total if total >= at_least else 0
    assert eval(lazily, {**functions, **known}) == pytest.approx(expected)  # noqa: S307 # our own expression


def test_only_our_own_alarms_events_and_rules_may_publish_and_only_over_tls() -> None:
    document = policy(TOPIC, ACCOUNT, "eu-central-1", "nuggetwise-production-*")
    allowed = [statement for statement in document["Statement"] if statement["Effect"] == "Allow"]
    assert {statement["Principal"]["Service"] for statement in allowed} == {
        "cloudwatch.amazonaws.com",
        "events.amazonaws.com",
        "events.rds.amazonaws.com",
    }
    for statement in allowed:
        assert statement["Resource"] == TOPIC
        assert f":eu-central-1:{ACCOUNT}:" in statement["Condition"]["ArnLike"]["aws:SourceArn"]
    (denied,) = (statement for statement in document["Statement"] if statement["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_topic_is_encrypted_with_our_key_and_writes_to_the_address_of_the_settings() -> None:
    def program(settings: Settings) -> None:
        Topic("alarms", settings, "arn:aws:kms:eu-central-1:1:key/logs", "eu-central-1", NO_OPTIONS)

    made = {resource.type.rpartition(":")[2]: resource.inputs for resource in record(cloud_settings(), program)}
    assert made["Topic"]["kmsMasterKeyId"] == "arn:aws:kms:eu-central-1:1:key/logs"
    assert (made["TopicSubscription"]["protocol"], made["TopicSubscription"]["endpoint"]) == (
        "email",
        "ops@nuggetwise.com",
    )
    rules_named = json.loads(made["TopicPolicy"]["policy"])["Statement"][2]["Condition"]["ArnLike"]["aws:SourceArn"]
    assert rules_named.endswith(":rule/nuggetwise-production-*")


CLUSTER = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:cluster/nuggetwise-production-1"


def test_a_task_that_failed_or_could_not_begin_is_told_with_its_reason() -> None:
    def program(settings: Settings) -> None:
        FailedTask("failed-task", settings, CLUSTER, ["nuggetwise-production-backup"], TOPIC, NO_OPTIONS)

    made = {resource.type.rpartition(":")[2]: resource.inputs for resource in record(cloud_settings(), program)}
    detail = json.loads(made["EventRule"]["eventPattern"])["detail"]
    assert detail["$or"] == [
        {"containers": {"exitCode": [{"anything-but": 0}]}},
        {"stopCode": ["TaskFailedToStart"]},
    ]
    target = made["EventTarget"]
    assert target["arn"] == TOPIC
    assert "roleArn" not in target, "EventBridge publishes by the topic's policy"
    template = json.loads(target["inputTransformer"]["inputTemplate"])
    assert set(re.findall(r"<(\w+)>", template)) == target["inputTransformer"]["inputPaths"].keys()


def test_tasks_of_other_families_and_clusters_are_not_told() -> None:
    detail = pattern(CLUSTER, ["nuggetwise-production-backup"])["detail"]
    assert detail["clusterArn"] == [CLUSTER]
    (family,) = detail["taskDefinitionArn"]
    assert family["prefix"] == f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition/nuggetwise-production-backup:"


def test_a_rule_is_read_as_it_is_meant() -> None:
    rule = Rule("n", "database lost", "api", Metric("N", "m", "Sum"), "below", 1, 60, 1, "It is gone.", "Look.")
    assert (rule.comparison, rule.description) == ("LessThanThreshold", "database lost: It is gone. Look.")
