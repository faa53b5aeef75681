"""One run of the migrations step as a Fargate task: the provider, in a process of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.cluster import log
from infra.migration.step import LONGEST_RUN, Outcome, StepProvider, failed, find_result, result

# The provider is a process of its own at every preview: what it does not need there would double its start.
if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

CONTAINER = "migrations"
STARTED_BY = "nuggetwise-migrations"
POLL = 2.0  # seconds
# CloudWatch shows the last lines some seconds after the task has ended; after this long without another there is none.
LOG_DELAY = 10.0  # seconds


class FargateMigrationProvider(StepProvider):
    """Runs when the migrations' digest, the database or a secret of its roles changed."""

    triggers = ("digest", "database", "secrets")

    def run(self, props: dict[str, Any]) -> Outcome:
        import boto3

        session = boto3.Session(region_name=props["region"])
        return FargateRun(session.client("ecs"), session.client("logs"), props).to_the_end()


class FargateRun:
    """One run of the step, its log copied to the terminal line by line."""

    def __init__(self, ecs: ECSClient, logs: CloudWatchLogsClient, props: Mapping[str, Any]) -> None:
        self._ecs, self._logs, self._props = ecs, logs, props
        self._lines: list[str] = []
        self._tail: log.Tail | None = None

    def to_the_end(self) -> Outcome:
        """Raises MigrationFailed when the task does not start, fails, takes too long, or is interrupted."""
        self._stop_leftovers()
        arn = self._start()
        try:
            task = self._stopped(arn)
        except BaseException:
            self._stop(arn, "`pulumi up` does not wait any longer")
            raise
        return self._outcome(task)

    def _stop_leftovers(self) -> None:
        """Ends the run of an `up` that was killed: this one would wait for its lock, and the stack has no other."""
        for arn in self._ecs.list_tasks(cluster=self._props["cluster"], startedBy=STARTED_BY)["taskArns"]:
            self._stop(arn, "the `pulumi up` that started it is gone")

    def _stop(self, arn: str, reason: str) -> None:
        self._ecs.stop_task(cluster=self._props["cluster"], task=arn, reason=reason)

    def _start(self) -> str:
        answer = self._ecs.run_task(
            cluster=self._props["cluster"],
            taskDefinition=self._props["task_definition"],
            launchType="FARGATE",
            count=1,
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": self._props["subnets"],
                    "securityGroups": [self._props["security_group"]],
                    "assignPublicIp": "DISABLED",
                }
            },
            startedBy=STARTED_BY,
            propagateTags="TASK_DEFINITION",
        )
        if not answer["tasks"]:
            why = "; ".join(f"{failure.get('reason')} {failure.get('detail', '')}" for failure in answer["failures"])
            raise failed(f"could not be started ({why.strip()})", "")
        return answer["tasks"][0].get("taskArn", "")

    def _stopped(self, arn: str) -> TaskTypeDef:
        deadline, engine = time.monotonic() + LONGEST_RUN, os.getppid()
        while time.monotonic() < deadline:
            found = self._ecs.describe_tasks(cluster=self._props["cluster"], tasks=[arn])["tasks"]
            self._copy_log(arn)
            if found and found[0].get("lastStatus") == "STOPPED":  # in its first moments ECS may not find it yet
                return found[0]
            if os.getppid() != engine:
                raise failed("lost the `pulumi up` that ran it", self._log)
            time.sleep(POLL)
        raise failed(f"did not end within {LONGEST_RUN} s", self._log)

    def _outcome(self, task: TaskTypeDef) -> Outcome:
        arn = task.get("taskArn", "")
        code = next((c.get("exitCode") for c in task.get("containers", []) if c.get("name") == CONTAINER), None)
        if code is not None:
            self._await_result(arn)
        if code != 0:
            what = "could not be started" if code is None else f"failed with exit code {code}"
            raise failed(f"{what} ({log.reasons(task)})", self._log)
        return Outcome(code, self._log, result(self._log)["schema_revision"])

    def _await_result(self, arn: str) -> None:
        known, quiet_since = len(self._lines), time.monotonic()
        while not self._has_result() and time.monotonic() - quiet_since < LOG_DELAY:
            time.sleep(POLL)
            self._copy_log(arn)
            if len(self._lines) > known:
                known, quiet_since = len(self._lines), time.monotonic()

    def _has_result(self) -> bool:
        return find_result(self._log) is not None

    def _copy_log(self, arn: str) -> None:
        if self._tail is None:
            self._tail = log.Tail(self._logs, self._props["log_group"], CONTAINER, arn)
        for line in self._tail.new_lines():
            self._lines.append(line)
            print(f"migrations: {line}", file=sys.stderr, flush=True)

    @property
    def _log(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)
