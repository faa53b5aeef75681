"""The cluster: what tasks may reach, and where they log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cluster.aws import ANYWHERE, Cluster, ways_out
from infra.cluster.task import Container, Probe, definition
from infra.key.aws import Keys
from infra.network.aws import Network
from infra.settings import Settings

from . import recording
from .compute import TOP, one
from .recording import Recorded, cloud_settings


def deploy(settings: Settings) -> None:
    keys = Keys("keys", settings, TOP)
    Cluster("cluster", settings, Network("network", settings, keys, TOP), keys, TOP)


@pytest.fixture(scope="module")
def resources() -> list[Recorded]:
    return recording.record(cloud_settings(), deploy)


def test_container_insights_watch_the_cluster(resources: list[Recorded]) -> None:
    cluster = one(resources, "ecs/cluster:Cluster")
    assert cluster.inputs["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    assert "configuration" not in cluster.inputs, "nothing enables commands inside containers"


def test_logs_end_and_are_encrypted_those_of_container_insights_too(resources: list[Recorded]) -> None:
    groups = [r for r in resources if r.type.endswith(":LogGroup") and r.name in ("tasks", "insights")]
    assert len(groups) == 2
    for group in groups:
        assert group.inputs["retentionInDays"] == 90
        assert group.inputs["kmsKeyId"]


def test_the_log_of_container_insights_is_there_before_they_could_make_it(resources: list[Recorded]) -> None:
    insights, cluster = one(resources, ":LogGroup", "insights"), one(resources, "ecs/cluster:Cluster")
    assert insights.inputs["name"] == f"/aws/ecs/containerinsights/{cluster.inputs['name']}/performance"
    assert resources.index(insights) < resources.index(cluster), "the later one would be refused: it exists already"


def test_nothing_enters_the_tasks_group_from_here(resources: list[Recorded]) -> None:
    assert "ingress" not in one(resources, ":SecurityGroup", "tasks").inputs
    assert not [r for r in resources if r.type.endswith(":SecurityGroupIngressRule") and r.name.startswith("tasks")]


def test_tasks_reach_https_anywhere_and_data_only_inside_the_network(resources: list[Recorded]) -> None:
    rules = [r.inputs for r in resources if r.type.endswith(":SecurityGroupEgressRule") and r.name.startswith("tasks")]
    assert {(r["fromPort"], r["toPort"], r["ipProtocol"], r["cidrIpv4"]) for r in rules} == {
        (443, 443, "tcp", "0.0.0.0/0"),
        (5433, 5433, "tcp", "10.20.0.0/16"),
        (6379, 6379, "tcp", "10.20.0.0/16"),
    }


def test_what_lives_elsewhere_is_reached_at_the_ports_of_its_urls() -> None:
    settings = cloud_settings(
        database={
            "kind": "external",
            "max_connections": 400,
            "url": "postgresql://a:b@pooler.example.com:6543/app",
            "owner_url": "postgresql://a:b@db.example.com/app",
        },
        cache={"kind": "external", "url": "rediss://:t@redis.example.com:16379"},
    )
    ways = {(way.port, way.cidr) for way in ways_out(settings, "10.20.0.0/16")}
    assert ways == {(443, ANYWHERE), (5432, ANYWHERE), (6543, ANYWHERE), (16379, ANYWHERE)}


names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=12)


@given(st.dictionaries(names, names), st.dictionaries(names, names), st.integers(4, 4096))
def test_every_container_is_locked_down_bounded_and_the_same_in_any_order(
    environment: dict[str, str], secrets: dict[str, str], memory: int
) -> None:
    def made(environment: dict[str, str], secrets: dict[str, str]) -> dict[str, object]:
        container = Container("api", "image", memory, environment=environment, secrets=secrets)
        return definition(container, "group", "eu-central-1")

    made_here = made(environment, secrets)
    assert made_here == made(dict(reversed(environment.items())), dict(reversed(secrets.items())))
    assert made_here["user"] == "1001"
    assert made_here["readonlyRootFilesystem"] is True
    # As ECS gives it back: what it adds by itself would be another revision with each `up`.
    assert made_here["linuxParameters"] == {"capabilities": {"add": [], "drop": ["ALL"]}, "initProcessEnabled": True}
    assert made_here["memory"] == memory
    assert "privileged" not in made_here
    assert "tmpfs" not in str(made_here), "Fargate refuses it"


def test_a_probe_is_asked_at_most_every_30_s_with_10_s_and_three_tries() -> None:
    made = definition(Container("api", "image", 512, probe=Probe(["probe"])), "group", "eu-central-1")
    assert made["healthCheck"]["command"] == ["CMD", "probe"]
    assert (made["healthCheck"]["timeout"], made["healthCheck"]["retries"]) == (10, 3)
    assert made["healthCheck"]["interval"] <= 30


def test_scratch_is_a_volume_of_the_task_at_its_path() -> None:
    made = definition(Container("job", "image", 512, scratch=["/tmp"]), "group", "eu-central-1")
    assert made["mountPoints"] == [{"sourceVolume": "job-tmp", "containerPath": "/tmp", "readOnly": False}]
