import json
from typing import Any

from policies.ecs import CLUSTER, SERVICE, TASK

from ..declared import UNKNOWN, Case, Sample, declared

GOOD: dict[str, Any] = {
    "name": "api",
    "image": "nuggetwise/api@sha256:0a",
    "user": "1001",
    "readonlyRootFilesystem": True,
    "environment": [{"name": "ENVIRONMENT", "value": "production"}],
    "secrets": [{"name": "DATABASE_URL", "valueFrom": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a"}],
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "tasks"}},
}


def task(*containers: dict[str, Any], **props: Any) -> Sample:
    """A task of these containers; without any, of a good one."""
    document = json.dumps(containers or [GOOD])
    return [declared(TASK, "api", {"networkMode": "awsvpc", "containerDefinitions": document, **props})]


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in GOOD.items() if k != key}


def variable(name: str, value: str) -> Sample:
    return task(GOOD | {"environment": [{"name": name, "value": value}]})


def service(**props: Any) -> Sample:
    network = {"subnets": [UNKNOWN], "securityGroups": [UNKNOWN], "assignPublicIp": False}
    return [declared(SERVICE, "api", {"networkConfiguration": network, "launchType": "FARGATE", **props})]


def cluster(*settings: dict[str, str]) -> Sample:
    return [declared(CLUSTER, "cluster", {"settings": list(settings)})]


CASES = {
    "ECS.1": Case(
        [
            task(),
            task(without("user")),
            task(networkMode="host"),
            task(without("user") | {"privileged": True}, networkMode="host"),
        ],
        [task(without("user"), networkMode="host"), task(GOOD | {"user": "root"}, networkMode="host")],
    ),
    "ECS.2": Case([service()], [service(networkConfiguration={"subnets": ["a"], "assignPublicIp": True})]),
    "ECS.3": Case([task(), task(pidMode="task")], [task(pidMode="host")]),
    "ECS.4": Case([task(), task(GOOD | {"privileged": False})], [task(GOOD, GOOD | {"privileged": True})]),
    "ECS.5": Case(
        [task()], [task(without("readonlyRootFilesystem")), task(GOOD, GOOD | {"readonlyRootFilesystem": False})]
    ),
    "ECS.8": Case(
        [task(), variable("ADMIN_DATABASE_URL", "postgresql://admin@host:5433/postgres"), task(without("environment"))],
        [
            variable("AWS_SECRET_ACCESS_KEY", "a"),
            variable("JWT_SECRET", "a"),
            variable("ANYTHING", "postgresql://api:secret@host/db"),
            variable("ANYTHING", "rediss://:token@host:6379/0"),
        ],
    ),
    "ECS.9": Case([task()], [task(GOOD, without("logConfiguration")), task(GOOD | {"logConfiguration": {}})]),
    "ECS.10": Case(
        [service(), service(platformVersion="LATEST"), service(platformVersion="1.4.0")],
        [service(platformVersion="1.3.0")],
    ),
    "ECS.12": Case(
        [
            cluster({"name": "containerInsights", "value": "enabled"}),
            cluster({"name": "containerInsights", "value": "enhanced"}),
        ],
        [cluster(), cluster({"name": "containerInsights", "value": "disabled"})],
    ),
}
