"""One run of the migrations step on Fargate, against moto; how the task ends is set, since moto runs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from infra.migration import fargate
from infra.migration.fargate import CONTAINER, FargateRun
from infra.migration.step import MigrationFailed

from . import aws_cluster
from .aws_cluster import CLUSTER, GROUP, REGION, AwsCluster

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

RESULT = json.dumps({"schema_revision": "0007", "applied": []})


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCluster]:
    monkeypatch.setattr(fargate, "POLL", 0.01)
    monkeypatch.setattr(fargate, "LOG_DELAY", 0.2)
    with aws_cluster.running() as cluster:
        yield cluster


class Watched:
    """ECS, with what becomes of the task: `steps` happen one at each look at it, the last one stays."""

    def __init__(self, ecs: ECSClient, *steps: Callable[[dict[str, Any]], object]) -> None:
        self._ecs, self._steps = ecs, list(steps)
        self.stopped: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ecs, name)

    def describe_tasks(self, **which: Any) -> dict[str, Any]:
        answer: dict[str, Any] = dict(self._ecs.describe_tasks(**which))
        task = answer["tasks"][0]
        task.update(lastStatus="RUNNING", containers=[{"name": CONTAINER}])
        (self._steps.pop(0) if len(self._steps) > 1 else self._steps[0])(task)
        return answer

    def stop_task(self, *, cluster: str, task: str, reason: str) -> None:
        self.stopped.append((task, reason))
        self._ecs.stop_task(cluster=cluster, task=task, reason=reason)


def run(aws: AwsCluster, *steps: Callable[[dict[str, Any]], object]) -> tuple[FargateRun, Watched]:
    ecs: Any = Watched(aws.ecs, *steps)
    props = {
        "region": REGION,
        "cluster": CLUSTER,
        "task_definition": aws.task_definition(CONTAINER),
        "subnets": [aws.subnet],
        "security_group": aws.security_group,
        "log_group": GROUP,
    }
    return FargateRun(ecs, aws.logs, props), ecs


def ends(aws: AwsCluster, code: int | None, *lines: str, **why: str) -> Callable[[dict[str, Any]], object]:
    def change(task: dict[str, Any]) -> None:
        if lines:
            aws.says(CONTAINER, task["taskArn"], *lines)
        container = {"name": CONTAINER} | ({} if code is None else {"exitCode": code})
        task.update(lastStatus="STOPPED", containers=[container], **why)

    return change


def says(aws: AwsCluster, *lines: str) -> Callable[[dict[str, Any]], object]:
    return lambda task: aws.says(CONTAINER, task["taskArn"], *lines)


def test_its_log_is_on_the_terminal_while_it_runs_and_its_result_comes_back(
    aws: AwsCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    step, ecs = run(
        aws,
        lambda _: None,
        says(aws, "one pending"),
        lambda _: seen.append(capfd.readouterr().err),
        ends(aws, 0, "applied 0007", RESULT),
    )
    outcome = step.to_the_end()
    assert seen == ["migrations: one pending\n"]
    assert (outcome.exit_code, outcome.schema_revision) == (0, "0007")
    assert outcome.log == f"one pending\napplied 0007\n{RESULT}\n"
    assert not ecs.stopped


def test_lines_that_cloudwatch_shows_late_are_waited_for(aws: AwsCluster) -> None:
    late: list[str] = []

    def stop(task: dict[str, Any]) -> None:
        ends(aws, 0)(task)
        late.append(task["taskArn"])

    step, _ = run(aws, stop)
    copy = step._copy_log  # pyright: ignore[reportPrivateUsage]

    def copied(arn: str) -> None:
        copy(arn)
        if late:
            aws.says(CONTAINER, late.pop(), RESULT)

    step._copy_log = copied  # pyright: ignore[reportPrivateUsage]
    assert step.to_the_end().schema_revision == "0007"


def test_a_log_of_many_pages_is_read_whole(aws: AwsCluster) -> None:
    lines = [f"line {number}" for number in range(12_000)]
    step, _ = run(aws, says(aws, *lines[:6000]), says(aws, *lines[6000:]), ends(aws, 0, RESULT))
    assert step.to_the_end().log.splitlines() == [*lines, RESULT]


def test_a_failed_step_fails_the_update_with_its_exit_code_and_log(aws: AwsCluster) -> None:
    step, _ = run(aws, ends(aws, 1, "error: 0007 deadlocked", stoppedReason="Essential container in task exited"))
    with pytest.raises(MigrationFailed) as caught:
        step.to_the_end()
    assert "failed with exit code 1" in str(caught.value)
    assert "still serving" in str(caught.value)
    assert "error: 0007 deadlocked" in str(caught.value)


def test_a_task_that_never_started_says_why(aws: AwsCluster) -> None:
    reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s)"
    step, _ = run(aws, ends(aws, None, stoppedReason=reason))
    with pytest.raises(MigrationFailed, match=r"could not be started .*CannotPullContainerError"):
        step.to_the_end()


def test_a_success_without_a_result_is_a_failure(aws: AwsCluster) -> None:
    step, _ = run(aws, ends(aws, 0, "bye"))
    with pytest.raises(MigrationFailed, match=r"(?s)without a result.*bye"):
        step.to_the_end()


def test_a_step_that_does_not_end_is_stopped(aws: AwsCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fargate, "LONGEST_RUN", 0.05)
    step, ecs = run(aws, lambda _: None)
    with pytest.raises(MigrationFailed, match="did not end within"):
        step.to_the_end()
    assert len(ecs.stopped) == 1


def test_when_the_engine_is_gone_the_task_is_stopped(aws: AwsCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    step, ecs = run(aws, lambda _: monkeypatch.setattr("os.getppid", lambda: 1))
    with pytest.raises(MigrationFailed, match="lost the `pulumi up`"):
        step.to_the_end()
    assert len(ecs.stopped) == 1


def test_what_a_killed_run_left_is_stopped_before_the_next(aws: AwsCluster) -> None:
    left, _ = run(aws, lambda _: None)
    arn = left._start()  # pyright: ignore[reportPrivateUsage]
    step, ecs = run(aws, ends(aws, 0, RESULT))
    assert step.to_the_end().exit_code == 0
    assert [task for task, _ in ecs.stopped] == [arn]


def test_a_refusal_of_ecs_is_told(aws: AwsCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    step, ecs = run(aws, lambda _: None)

    def refuse(**_: Any) -> dict[str, Any]:
        return {"tasks": [], "failures": [{"reason": "RESOURCE:FARGATE", "detail": "no capacity"}]}

    monkeypatch.setattr(ecs, "run_task", refuse, raising=False)
    with pytest.raises(MigrationFailed, match=r"could not be started \(RESOURCE:FARGATE no capacity\)"):
        step.to_the_end()
