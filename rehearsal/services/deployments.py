"""Services: rolling deployments with ECS's circuit breaker, one real task standing for all that should run.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
"""

import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container as DockerContainer

from rehearsal.cloud import Cloud, Missing, Record
from rehearsal.services import definition
from rehearsal.services.machine import Machine
from rehearsal.services.protocol import Body, Refused
from rehearsal.services.tasks import Running, Task, Tasks

SERVICE = "aws:ecs/service:Service"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"

POLL = 0.5  # seconds
PROBED_EVERY = 3.0
"""Seconds. An image may count failed probes and act on three in a row, so not as often as ready is asked."""
LONGEST_START = 120.0
"""Seconds after which a task that never was healthy counts as failed."""
FAILURES = 3
"""Failed tasks that open the circuit breaker, for up to five desired tasks."""
FAILED_SHOWS = 10.0
"""Seconds for which a deployment that failed is still listed."""


@dataclass
class Deployment:
    """One deployment of a service."""

    definition: str
    status: str = "PRIMARY"
    state: str = "IN_PROGRESS"
    reason: str = ""
    failed: int = 0
    task: Task | None = None
    id: str = field(default_factory=lambda: f"ecs-svc/{secrets.randbelow(10**19):019d}")
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)

    def become(self, state: str, reason: str) -> None:
        self.state, self.reason, self.updated = state, f"ECS deployment {reason}", time.time()


@dataclass
class Service:
    """What is known of a service besides its record in the cloud."""

    deployments: list[Deployment] = field(default_factory=list[Deployment])
    events: list[Body] = field(default_factory=list[Body])

    @property
    def primary(self) -> Deployment | None:
        return next((each for each in self.deployments if each.status == "PRIMARY"), None)

    def say(self, message: str) -> None:
        self.events.insert(0, {"id": secrets.token_hex(16), "createdAt": time.time(), "message": message})


class Services:
    """Deploys what a service's record asks for, as soon as somebody asks about the service."""

    def __init__(self, cloud: Cloud, machine: Machine, tasks: Tasks) -> None:
        self._cloud = cloud
        self._machine = machine
        self._tasks = tasks
        self._services: dict[str, Service] = {}
        self._lock = threading.RLock()

    @property
    def operations(self) -> dict[str, Callable[[Body], Body]]:
        return {"DescribeServices": self.describe, "UpdateService": self.update}

    def describe(self, body: Body) -> Body:
        cluster = definition.cluster_arn(self._cloud, body.get("cluster", "default"))
        found = {name: self._record(cluster, name) for name in body["services"]}
        return {
            "services": [self._shown(cluster, record) for record in found.values() if record],
            "failures": [{"arn": name, "reason": "MISSING"} for name, record in found.items() if not record],
        }

    def update(self, body: Body) -> Body:
        cluster = definition.cluster_arn(self._cloud, body.get("cluster", "default"))
        record = self._record(cluster, body["service"])
        if record is None:
            raise Refused("ServiceNotFoundException", "Service not found.")
        changes = {key: body[key] for key in ("desiredCount", "taskDefinition") if key in body}
        if name := changes.get("taskDefinition"):
            changes["taskDefinition"] = definition.record_of(self._cloud, name).outputs["arn"]
        record = self._cloud.change(record, **changes)
        if body.get("forceNewDeployment"):
            self._deploy(record)
        return {"service": self._shown(cluster, record)}

    def addresses(self) -> list[str]:
        """Where the tasks that serve answer, by HTTP."""
        with self._lock:
            serving = [service.primary.task for service in self._services.values() if service.primary]
        found = [
            _address(running, port)
            for task in serving
            if task and task.status == "RUNNING"
            for running in task.containers
            for port in running.asked.ports
        ]
        return [f"http://{address}" for address in found if address]

    def end(self) -> None:
        """Every task of every service ends, and the services with them: their region is gone."""
        with self._lock:
            for service in self._services.values():
                for deployment in service.deployments:
                    if deployment.task:
                        self._tasks.end(deployment.task, "TerminationNotice", "the region is gone")
            self._services.clear()

    def _record(self, cluster: str, name: str) -> Record | None:
        for record in self._cloud.list(SERVICE):
            named = name in (record.outputs["name"], _arn(record))
            if named and _cluster_name(record.outputs.get("cluster", "")) == _cluster_name(cluster):
                return record
        return None

    def _shown(self, cluster: str, record: Record) -> Body:
        with self._lock:
            service = self._services.setdefault(_arn(record), Service())
            wanted = definition.record_of(self._cloud, record.outputs["taskDefinition"]).outputs["arn"]
            if service.primary is None or service.primary.definition != wanted:
                self._deploy(record)
            desired = int(record.outputs.get("desiredCount") or 0)
            shown = [_shown(each, desired) for each in service.deployments if _is_listed(each)]
            return {
                "serviceArn": _arn(record),
                "serviceName": record.outputs["name"],
                "clusterArn": cluster,
                "status": "ACTIVE",
                "launchType": "FARGATE",
                "desiredCount": desired,
                "runningCount": sum(each["runningCount"] for each in shown),
                "pendingCount": sum(each["pendingCount"] for each in shown),
                "taskDefinition": wanted,
                "deployments": shown,
                "events": service.events[:100],
            }

    def _deploy(self, record: Record) -> None:
        """Begins a deployment of what the record asks for; one that is under way is superseded."""
        with self._lock:
            service = self._services.setdefault(_arn(record), Service())
            wanted = definition.record_of(self._cloud, record.outputs["taskDefinition"]).outputs["arn"]
            for earlier in service.deployments:
                earlier.status = "ACTIVE"
            deployment = Deployment(wanted, reason="ECS deployment in progress.")
            service.deployments.insert(0, deployment)
            rollout = _Rollout(self._cloud, self._machine, self._tasks, record, service, deployment, self._lock)
            threading.Thread(target=rollout.run, daemon=True).start()


@dataclass(frozen=True)
class _Rollout:
    """One deployment under way, on a thread of its own."""

    cloud: Cloud
    machine: Machine
    tasks: Tasks
    record: Record
    service: Service
    deployment: Deployment
    lock: threading.RLock

    def run(self) -> None:
        name, deployment = self.record.outputs["name"], self.deployment
        if not self.record.outputs.get("desiredCount"):
            self._complete()
            return
        asked = definition.read(self.cloud, deployment.definition)
        while deployment.status == "PRIMARY":
            deployment.task = task = self.tasks.start(
                cluster=definition.cluster_arn(self.cloud, self.record.outputs["cluster"]),
                asked=asked,
                group=f"service:{name}",
                started_by=deployment.id,
            )
            self.service.say(f"(service {name}) has started 1 tasks: (task {task.id}).")
            if self._became_healthy(task):
                self._complete()
                return
            deployment.failed += 1
            if deployment.failed >= FAILURES and self._breaker("enable"):
                self._fail()
                return

    def _breaker(self, key: str) -> bool:
        return bool((self.record.outputs.get("deploymentCircuitBreaker") or {}).get(key))

    def _became_healthy(self, task: Task) -> bool:
        end, probed = time.monotonic() + LONGEST_START, 0.0
        while time.monotonic() < end and self.deployment.status == "PRIMARY":
            if task.status == "STOPPED":
                return False
            if task.status == "RUNNING" and self._is_ready(task) and time.monotonic() - probed >= PROBED_EVERY:
                if all(_probed(each) for each in task.containers):
                    return True
                probed = time.monotonic()
            time.sleep(POLL)
        reason = "Task failed ELB health checks" if self._targets() else "Task failed container health checks"
        self.tasks.end(task, "ServiceSchedulerInitiated", reason)
        return False

    def _targets(self) -> list[Mapping[str, Any]]:
        return self.record.outputs.get("loadBalancers") or []

    def _is_ready(self, task: Task) -> bool:
        """Whether the answer is what each load balancer's health check wants."""
        for target in self._targets():
            try:
                group = self.cloud.one(TARGET_GROUP, arn=target["targetGroupArn"])
            except Missing:
                return False
            check: Mapping[str, Any] = group.outputs.get("healthCheck") or {}
            running = next(each for each in task.containers if each.asked.name == target["containerName"])
            status = _asked(running, int(target["containerPort"]), check.get("path") or "/")
            if str(status) not in (check.get("matcher") or "200").split(","):
                return False
        return True

    def _complete(self) -> None:
        with self.lock:
            self.deployment.become("COMPLETED", "completed.")
            for earlier in self.service.deployments:
                if earlier is not self.deployment and earlier.task:
                    self.tasks.end(earlier.task, "ServiceSchedulerInitiated", _scaled_by(earlier))
            self.service.deployments[:] = [self.deployment]
        name = self.record.outputs["name"]
        self.service.say(f"(service {name}) has reached a steady state.")

    def _fail(self) -> None:
        with self.lock:
            earlier = next((each for each in self.service.deployments if each.state == "COMPLETED"), None)
            self.deployment.become("FAILED", "circuit breaker: tasks failed to start.")
            self.service.say(f"(service {self.record.outputs['name']}) deployment failed: tasks failed to start.")
            if earlier and self._breaker("rollback") and self.deployment.status == "PRIMARY":
                self.deployment.status, earlier.status = "ACTIVE", "PRIMARY"
                earlier.become("COMPLETED", f"circuit breaker: rolling back to deploymentId {earlier.id}.")
                self.cloud.change(self.record, taskDefinition=earlier.definition)


def _arn(record: Record) -> str:
    return record.outputs.get("arn") or record.id


def _cluster_name(cluster: str) -> str:
    return cluster.rpartition("/")[2]


def _is_listed(deployment: Deployment) -> bool:
    return (
        deployment.state != "FAILED"
        or deployment.status == "PRIMARY"
        or time.time() - deployment.updated < FAILED_SHOWS
    )


def _shown(deployment: Deployment, desired: int) -> Body:
    running = desired if deployment.state == "COMPLETED" else 0
    return {
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.definition,
        "desiredCount": desired if deployment.status == "PRIMARY" else 0,
        "runningCount": running,
        "pendingCount": desired - running if deployment.state == "IN_PROGRESS" else 0,
        "failedTasks": deployment.failed,
        "createdAt": deployment.created,
        "updatedAt": deployment.updated,
        "launchType": "FARGATE",
        "rolloutState": deployment.state,
        "rolloutStateReason": deployment.reason,
    }


def _scaled_by(deployment: Deployment) -> str:
    return f"Scaling activity initiated by (deployment {deployment.id})"


def _probed(running: Running) -> bool:
    """Whether the container's own probe succeeds; one without a probe, or left out, counts as healthy."""
    probe = (running.asked.probe or {}).get("command") or ["NONE"]
    if running.docker is None or probe[0] == "NONE":
        return True
    command = ["sh", "-c", probe[1]] if probe[0] == "CMD-SHELL" else probe[1:] if probe[0] == "CMD" else probe
    try:
        answer: Any = running.docker.exec_run(command)
    except APIError:
        return False  # it has just ended
    return answer.exit_code == 0


def _address(running: Running, port: int) -> str | None:
    container: DockerContainer | None = running.docker
    if container is None:
        return None
    container.reload()
    bindings: Mapping[str, Any] = (container.attrs or {})["NetworkSettings"]["Ports"] or {}
    published = bindings.get(f"{port}/tcp")
    return f"127.0.0.1:{published[0]['HostPort']}" if published else None


def _asked(running: Running, port: int, path: str) -> int | None:
    if not (address := _address(running, port)):
        return None
    url = f"http://{address}{path}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
