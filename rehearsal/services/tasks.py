"""Tasks: what ECS runs once, or keeps running for a service, as real containers."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from docker.errors import APIError, ImageNotFound
from docker.models.containers import Container as DockerContainer

from rehearsal.cloud import Cloud
from rehearsal.services import definition
from rehearsal.services.authority import TRUSTED_AT, Authority
from rehearsal.services.logs import Logs
from rehearsal.services.machine import Machine
from rehearsal.services.protocol import Body, Refused
from rehearsal.services.secrets import Secrets, Unresolved
from rehearsal.services.servers import Servers

POLL = 0.2  # seconds
MEBIBYTE = 1 << 20


@dataclass
class Running:
    """One container of a task. `docker` is None for one that the rehearsal leaves out."""

    asked: definition.Container
    docker: DockerContainer | None = None
    exit_code: int | None = None
    reason: str | None = None
    status: str = "PENDING"


@dataclass
class Task:
    """One task, from its start to its end."""

    arn: str
    cluster: str
    definition: str
    group: str
    started_by: str
    containers: list[Running]
    status: str = "PROVISIONING"
    stop_code: str | None = None
    stopped_reason: str | None = None
    created: float = field(default_factory=time.time)
    started: float | None = None
    stopped: float | None = None
    asked_to_stop: threading.Event = field(default_factory=threading.Event)

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    def shown(self) -> Body:
        """As DescribeTasks shows it."""
        stopping = self.asked_to_stop.is_set() or self.status == "STOPPED"
        times = {"createdAt": self.created, "startedAt": self.started, "stoppedAt": self.stopped}
        reasons = {"stopCode": self.stop_code, "stoppedReason": self.stopped_reason}
        return {
            "taskArn": self.arn,
            "clusterArn": self.cluster,
            "taskDefinitionArn": self.definition,
            "group": self.group,
            "startedBy": self.started_by,
            "launchType": "FARGATE",
            "lastStatus": self.status,
            "desiredStatus": "STOPPED" if stopping else "RUNNING",
            "containers": [_shown(each, self) for each in self.containers],
            **{key: value for key, value in {**times, **reasons}.items() if value is not None},
        }


def _shown(container: Running, task: Task) -> Body:
    more = {"exitCode": container.exit_code, "reason": container.reason}
    return {
        "containerArn": f"{task.arn.replace(':task/', ':container/')}/{container.asked.name}",
        "taskArn": task.arn,
        "name": container.asked.name,
        "image": container.asked.image,
        "lastStatus": container.status,
        **{key: value for key, value in more.items() if value is not None},
    }


class Tasks:
    """Runs tasks, and answers what ECS is asked about them. Images that begin with one of `ours` are run."""

    def __init__(
        self,
        cloud: Cloud,
        machine: Machine,
        authority: Authority,
        servers: Servers,
        logs: Logs,
        ours: tuple[str, ...],
    ) -> None:
        self._cloud = cloud
        self._machine = machine
        self._authority = authority
        self._servers = servers
        self._secrets = Secrets(cloud, servers.managed)
        self._logs = logs
        self._ours = ours
        self._tasks: dict[str, Task] = {}

    @property
    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """By the name behind the service's prefix."""
        return {"RunTask": self.run, "DescribeTasks": self.describe, "StopTask": self.stop, "ListTasks": self.list}

    def run(self, body: Body) -> Body:
        self._check_network(body)
        overrides = (body.get("overrides") or {}).get("containerOverrides") or ()
        asked = definition.read(self._cloud, body["taskDefinition"])
        task = self.start(
            cluster=definition.cluster_arn(self._cloud, body.get("cluster", "default")),
            asked=definition.Definition(asked.arn, _overridden(asked.containers, overrides)),
            group=body.get("group") or f"family:{asked.arn.rpartition('/')[2].partition(':')[0]}",
            started_by=body.get("startedBy", ""),
        )
        return {"tasks": [task.shown()], "failures": []}

    def describe(self, body: Body) -> Body:
        found = {name: self._find(name) for name in body["tasks"]}
        return {
            "tasks": [task.shown() for task in found.values() if task],
            "failures": [{"arn": name, "reason": "MISSING"} for name, task in found.items() if not task],
        }

    def stop(self, body: Body) -> Body:
        task = self._find(body["task"])
        if task is None:
            raise Refused("InvalidParameterException", "The referenced task was not found.")
        self.end(task, "UserInitiated", body.get("reason") or "Task stopped by user")
        return {"task": task.shown()}

    def list(self, body: Body) -> Body:
        group = f"service:{body['serviceName'].rpartition('/')[2]}" if body.get("serviceName") else None
        stopped = body.get("desiredStatus", "RUNNING") == "STOPPED"
        found = [
            task.arn
            for task in reversed(self._tasks.values())
            if (task.shown()["desiredStatus"] == "STOPPED") is stopped
            and group in (None, task.group)
            and body.get("startedBy") in (None, task.started_by)
            and body.get("family") in (None, task.definition.rpartition("/")[2].partition(":")[0])
        ]
        return {"taskArns": found[: body.get("maxResults", 100)]}

    def start(
        self,
        *,
        cluster: str,
        asked: definition.Definition,
        group: str,
        started_by: str,
    ) -> Task:
        """Begins a task and returns at once."""
        prefix, _, name = cluster.partition(":cluster/")
        arn = f"{prefix}:task/{name}/{secrets.token_hex(16)}"
        task = Task(arn, cluster, asked.arn, group, started_by, [Running(each) for each in asked.containers])
        self._tasks[arn] = task
        threading.Thread(target=self._live, args=(task,), daemon=True).start()
        return task

    def end(self, task: Task, code: str, reason: str) -> None:
        """Asks a task to stop; the reason that is given first stays."""
        if not task.asked_to_stop.is_set():
            task.stop_code, task.stopped_reason = code, reason
            task.asked_to_stop.set()

    def _find(self, name: str) -> Task | None:
        return next((task for task in self._tasks.values() if name in (task.arn, task.id)), None)

    def _check_network(self, body: Body) -> None:
        network = (body.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        if not network:
            raise Refused(
                "InvalidParameterException",
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            )
        wanted = {
            "aws:ec2/subnet:Subnet": ("subnets", "The subnet ID '{}' does not exist"),
            "aws:ec2/securityGroup:SecurityGroup": ("securityGroups", "The security group '{}' does not exist"),
        }
        for kind, (key, text) in wanted.items():
            there = {record.id for record in self._cloud.list(kind)}
            for given in network.get(key) or ():
                if given not in there:
                    raise Refused("InvalidParameterException", text.format(given))

    def _live(self, task: Task) -> None:
        try:
            self._begin(task)
            self._watch(task)
        except Unresolved as error:
            text = f"unable to pull secrets or registry auth: execution resource retrieval failed: {error}"
            self.end(task, "TaskFailedToStart", f"ResourceInitializationError: {text}")
        except (APIError, ImageNotFound) as error:
            self.end(task, "TaskFailedToStart", f"CannotPullContainerError: {error.explanation or error}")
        except Exception as error:  # the rehearsal is being closed, or a defect of ours
            self.end(task, "TaskFailedToStart", f"{type(error).__name__}: {error}")
        finally:
            self._finish(task)

    def _begin(self, task: Task) -> None:
        self._servers.reconcile()
        task.status = "PENDING"
        for running in task.containers:
            if not running.asked.image.startswith(self._ours):
                running.status, running.reason = "RUNNING", "left out by the rehearsal: not an image of ours"
                continue
            running.docker = self._create(task, running.asked)
            self._logs.attach(running.asked, task.id, running.docker)
            running.docker.start()
            running.status = "RUNNING"
        task.status, task.started = "RUNNING", time.time()

    def _create(self, task: Task, asked: definition.Container) -> DockerContainer:
        values = {variable: self._secrets.value(arn) for variable, arn in asked.secrets.items()}
        self._machine.fetch(asked.image)
        image = self._machine.client.images.get(asked.image)
        declared: Mapping[str, Any] = (image.attrs or {})["Config"].get("Volumes") or {}
        return self._machine.create(
            asked.image,
            asked.name,
            command=asked.command,
            # What trusts Amazon's authorities trusts the rehearsal's: the one variable that a task has besides its own.
            environment={**asked.environment, **values, "SSL_CERT_FILE": TRUSTED_AT},
            labels={"nuggetwise.rehearsal.task": task.id},
            entrypoint=asked.entrypoint,
            user=asked.user,
            read_only=asked.read_only,
            cap_drop=list(asked.dropped),
            mem_limit=asked.memory * MEBIBYTE if asked.memory else None,
            memswap_limit=asked.memory * MEBIBYTE if asked.memory else None,
            init=asked.init,
            ports={f"{port}/tcp": ("127.0.0.1", None) for port in asked.ports},
            volumes={str(self._authority.file): {"bind": TRUSTED_AT, "mode": "ro"}},
            mounts=[_volume(path, copied=path in declared) for path in asked.mounts],
        )

    def _watch(self, task: Task) -> None:
        """Until an essential container ends, or the task is to stop."""
        while not task.asked_to_stop.wait(POLL):
            for running in task.containers:
                if running.docker is None or running.status == "STOPPED":
                    continue
                running.docker.reload()
                if running.docker.status == "exited":
                    _note_end(running)
                    if running.asked.essential:
                        self.end(task, "EssentialContainerExited", "Essential container in task exited")

    def _finish(self, task: Task) -> None:
        for running in task.containers:
            if running.docker is None:
                running.status = "STOPPED"
                continue
            try:
                if running.status != "STOPPED":
                    running.docker.stop(timeout=running.asked.stop_seconds)
                    _note_end(running)
                self._logs.keep(running.docker)
                running.docker.remove(force=True, v=True)
            except APIError:
                running.status = "STOPPED"  # removed by whoever closes the rehearsal
        task.stopped = time.time()
        task.status = "STOPPED"


def _note_end(running: Running) -> None:
    assert running.docker is not None
    running.docker.reload()
    state: Mapping[str, Any] = (running.docker.attrs or {})["State"]
    running.status, running.exit_code = "STOPPED", int(state["ExitCode"])
    if state.get("OOMKilled"):
        running.reason = "OutOfMemoryError: Container killed due to memory usage"


def _volume(path: str, *, copied: bool) -> dict[str, Any]:
    """A volume of the task's own. Only where the image declares one there does it have the image's owner and mode.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """
    return {"Target": path, "Source": None, "Type": "volume", "VolumeOptions": {"NoCopy": not copied}}


def _overridden(
    containers: Sequence[definition.Container], overrides: Sequence[Mapping[str, Any]]
) -> Sequence[definition.Container]:
    changed = {each["name"]: each for each in overrides}
    if unknown := changed.keys() - {container.name for container in containers}:
        raise Refused("InvalidParameterException", f"Override for container named {unknown.pop()} is not in the task")
    return [
        replace(
            container,
            command=changed.get(container.name, {}).get("command") or container.command,
            environment={
                **container.environment,
                **{each["name"]: each["value"] for each in changed.get(container.name, {}).get("environment") or ()},
            },
        )
        for container in containers
    ]
