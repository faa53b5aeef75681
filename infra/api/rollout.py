"""The check that what runs is what was asked for: a rolling deployment that ECS rolled back is no success.

The AWS provider reports one as such, since the service is steady again: https://github.com/pulumi/pulumi-aws/issues/4487
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra.cluster import log

# The provider is a process of its own at every preview: what it does not need there would double its start.
if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

LONGEST_ROLLOUT = 300.0  # seconds
# With all tasks replaced ECS goes on watching the deployment's alarms, for as long as the slowest of them looks back
# (three minutes), and one that rings takes the deployment back. That comes on top.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
LONGEST_WATCH = 300.0  # seconds
POLL = 3.0  # seconds
TASKS_SHOWN = 2

Verdict = Literal["running", "under way", "failed", "another"]


class RolloutFailed(Exception):
    """The service does not run the task definition that was asked for. The text says why, with the tasks' own log."""


def primary(service: ServiceTypeDef) -> DeploymentTypeDef:
    """The deployment that the service is at, or on its way to."""
    return next((each for each in service.get("deployments", []) if each.get("status") == "PRIMARY"), {})


def verdict(service: ServiceTypeDef, wanted: str) -> Verdict:
    """How the service stands to the task definition `wanted`.

    `another` is one that is steady or being rolled back to; `failed` is the wanted one, given up with no rollback.
    """
    current = primary(service)
    if current.get("taskDefinition") != wanted:
        return "another"
    match current.get("rolloutState"):
        case "COMPLETED":
            return "running"
        case "FAILED":
            return "failed"
        case _:
            return "under way"


def is_watched(service: ServiceTypeDef, wanted: str) -> bool:
    """Whether only tasks of `wanted` run, as many as there are to be: ECS waits for nothing but the alarms."""
    current = primary(service)
    ours = current.get("runningCount", 0)
    running = sum(each.get("runningCount", 0) for each in service.get("deployments", []))
    return verdict(service, wanted) == "under way" and running == ours >= current.get("desiredCount", 0) > 0


class RolloutProvider(ResourceProvider):
    """Waits after each change of the task definition. After a failure the next `up` asks for it again, and waits."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        _rollout(props).finish()
        return CreateResult(f"{props['cluster']}/{props['service']}", props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        _rollout(news).finish()
        return UpdateResult(news)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        keys = ("cluster", "service", "task_definition")
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in keys))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, {**props, "task_definition": _rollout(props).current()})


def _rollout(props: Mapping[str, Any]) -> Rollout:
    import boto3

    session = boto3.Session(region_name=props["region"])
    return Rollout(session.client("ecs"), session.client("logs"), props)


class Rollout:
    """The deployment of one task definition to one service, watched to its end."""

    def __init__(self, ecs: ECSClient, logs: CloudWatchLogsClient, props: Mapping[str, Any]) -> None:
        self._ecs, self._logs, self._props = ecs, logs, props
        self._wanted: str = props["task_definition"]
        self._said = ""

    def current(self) -> str:
        """The task definition that the service is at; empty where there is no service."""
        services = self._describe()
        return primary(services[0]).get("taskDefinition", "") if services else ""

    def finish(self) -> None:
        """Returns when the service runs what was asked for. Raises RolloutFailed when it does not, or not in time."""
        started, limit = time.monotonic(), LONGEST_ROLLOUT
        began = asked = watching = False
        while True:
            service = self._service()
            self._tell(service)
            match verdict(service, self._wanted):
                case "running":
                    return
                case "under way":
                    began = True
                case "failed" | "another" if began:
                    raise self._failure(service, "the deployment failed")
                case _ if not asked and primary(service).get("rolloutState") != "IN_PROGRESS":
                    # What an earlier `up` left: its deployment failed, and ECS went back. Nothing else would ask again.
                    self._ask_again()
                    asked = True
                case _:
                    pass
            waited = time.monotonic() - started
            if not watching and is_watched(service, self._wanted):
                watching, limit = True, waited + LONGEST_WATCH
            if waited >= limit:
                raise self._failure(service, f"the deployment did not end within {limit:.0f} s")
            time.sleep(POLL)

    def _describe(self) -> list[ServiceTypeDef]:
        answer = self._ecs.describe_services(cluster=self._props["cluster"], services=[self._props["service"]])
        return [service for service in answer["services"] if service.get("status") != "INACTIVE"]

    def _service(self) -> ServiceTypeDef:
        services = self._describe()
        if not services:
            raise RolloutFailed(f"service {self._props['service']} is gone; `pulumi up --refresh` makes it again")
        return services[0]

    def _ask_again(self) -> None:
        self._ecs.update_service(
            cluster=self._props["cluster"],
            service=self._props["service"],
            taskDefinition=self._wanted,
            forceNewDeployment=True,
        )

    def _tell(self, service: ServiceTypeDef) -> None:
        deployment = primary(service)
        text = (
            f"{self._props['service']}: {revision(deployment.get('taskDefinition', ''))} "
            f"{deployment.get('runningCount', 0)} of {deployment.get('desiredCount', 0)} running, "
            f"{deployment.get('failedTasks', 0)} failed"
        )
        if text != self._said:
            print(text, file=sys.stderr, flush=True)
            self._said = text

    def _failure(self, service: ServiceTypeDef, what: str) -> RolloutFailed:
        running = revision(primary(service).get("taskDefinition", ""))
        lines = [f"{what}: {revision(self._wanted)} was asked for, the service is at {running}"]
        lines += [
            f"deployment {each.get('id')}: {each.get('rolloutStateReason')}"
            for each in service.get("deployments", [])
            if each.get("rolloutStateReason") and each.get("taskDefinition") == self._wanted
        ]
        stopped = self._stopped_tasks()
        if not stopped:
            lines += [f"event: {event.get('message', '')}" for event in service.get("events", [])[:3]]
        for task in stopped[:TASKS_SHOWN]:
            lines += [log.reasons(task), *self._said_by(task)]
        return RolloutFailed("\n".join(lines))

    def _stopped_tasks(self) -> list[TaskTypeDef]:
        """Tasks of the wanted definition that ended, newest first. ECS remembers them for an hour."""
        cluster = self._props["cluster"]
        arns = self._ecs.list_tasks(
            cluster=cluster, serviceName=self._props["service"], desiredStatus="STOPPED", maxResults=100
        )["taskArns"]
        tasks = self._ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        ours = [task for task in tasks if task.get("taskDefinitionArn") == self._wanted]
        return sorted(ours, key=lambda task: str(task.get("createdAt", "")), reverse=True)

    def _said_by(self, task: TaskTypeDef) -> Iterable[str]:
        container = self._props["container"]
        lines = log.last_lines(self._logs, self._props["log_group"], container, task.get("taskArn", ""))
        return [f"  {container}: {line}" for line in lines]


def revision(task_definition: str) -> str:
    """`family:revision` of an ARN."""
    return task_definition.rpartition("/")[2]


class RolloutCheck(Resource, name="RolloutCheck"):
    """Fails the update unless the service comes to run its task definition."""

    def __init__(
        self,
        name: str,
        *,
        region: str,
        cluster: pulumi.Input[str],
        service: pulumi.Input[str],
        task_definition: pulumi.Input[str],
        container: str,
        log_group: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        props = {
            "region": region,
            "cluster": cluster,
            "service": service,
            "task_definition": task_definition,
            "container": container,
            "log_group": log_group,
        }
        super().__init__(RolloutProvider(), name, props, opts)
