"""A one-off task of an operator: started where the stack's tasks run, waited for, its log shown."""

from typing import Any, cast

import pytest

from infra.outputs import StackOutputs
from ops import task
from ops.errors import OperatorError
from ops.task import Order, follow

from . import production

TASK = "arn:aws:ecs:eu-central-1:123456789012:task/nuggetwise/0a1b2c"

OUTPUTS = StackOutputs.model_validate(
    production.OUTPUTS
    | {
        "cluster": "nuggetwise-production",
        "subnets": ["subnet-a", "subnet-b"],
        "security_group": "sg-tasks",
        "log_group": "tasks",
    }
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "POLL", 0.001)
    monkeypatch.setattr(task, "LOG_DELAY", 0.05)


class Ecs:
    """Answers as ECS does, and remembers what it was asked to start and to stop. The task ends at the third look."""

    def __init__(self, code: int | None = 0, failures: list[Any] | None = None) -> None:
        self.started: dict[str, Any] = {}
        self.stopped: list[str] = []
        self.looks = 0
        self._code, self._failures = code, failures or []

    def run_task(self, **asked: Any) -> dict[str, Any]:
        self.started = asked
        return {"tasks": [] if self._failures else [{"taskArn": TASK}], "failures": self._failures}

    def describe_tasks(self, **_asked: Any) -> dict[str, Any]:
        self.looks += 1
        if self.looks == 1:
            return {"tasks": []}
        if self.looks == 2:
            return {"tasks": [{"taskArn": TASK, "lastStatus": "RUNNING"}]}
        container = {"name": NAME, "exitCode": self._code}
        if self._code is None:
            container = {"name": NAME, "reason": "CannotPullContainerError"}
        return {"tasks": [{"taskArn": TASK, "lastStatus": "STOPPED", "containers": [container]}]}

    def stop_task(self, *, task: str, **_more: Any) -> None:
        self.stopped.append(task)


class Logs:
    """A log to which a line comes at each look, until there are no more."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def get_log_events(self, **_asked: Any) -> dict[str, Any]:
        # The token that comes back unchanged ends a look.
        if not self._lines or self._lines[0] == "":
            del self._lines[:1]
            return {"events": [], "nextForwardToken": _asked.get("nextToken")}
        return {"events": [{"message": self._lines.pop(0)}], "nextForwardToken": str(len(self._lines))}


NAME = "reencryption"


def run(ecs: Ecs, outputs: StackOutputs = OUTPUTS, *lines: str, **order: Any) -> int:
    wanted = Order("nuggetwise-production-reencryption", NAME, **order)
    return follow(cast("Any", ecs), cast("Any", Logs(*lines)), outputs, wanted)


@pytest.mark.parametrize("code", [0, 1, 137])
def test_its_exit_code_and_its_log_come_back(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    ecs = Ecs(code)
    assert run(ecs, OUTPUTS, "7 secrets are left", "", "0 secrets are left") == code
    assert ecs.looks == 3
    assert capsys.readouterr().out == "reencryption: 7 secrets are left\nreencryption: 0 secrets are left\n"


def test_it_runs_where_the_tasks_of_the_stack_do_without_a_public_address() -> None:
    ecs = Ecs()
    run(ecs)
    assert (ecs.started["cluster"], ecs.started["taskDefinition"]) == (
        "nuggetwise-production",
        "nuggetwise-production-reencryption",
    )
    assert ecs.started["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-a", "subnet-b"],
        "securityGroups": ["sg-tasks"],
        "assignPublicIp": "DISABLED",
    }


def test_a_task_that_does_not_start_is_told_with_the_reason() -> None:
    with pytest.raises(OperatorError, match=r"could not be started: .*RESOURCE:MEMORY"):
        run(Ecs(failures=[{"reason": "RESOURCE:MEMORY"}]))
    with pytest.raises(OperatorError, match=r"could not be started: .*CannotPullContainerError"):
        run(Ecs(code=None))


def test_a_stack_without_a_cluster_is_told() -> None:
    with pytest.raises(OperatorError, match="no outputs of a cluster; deploy it with this release first"):
        run(Ecs(), OUTPUTS.model_copy(update={"cluster": None}))


def test_it_runs_what_its_definition_says_or_the_command_that_is_given() -> None:
    ecs = Ecs()
    run(ecs)
    assert (ecs.started["overrides"], ecs.started["startedBy"]) == ({}, "make-rotate")
    run(ecs, command=["python3", "-m", "jobs", "backups"], started_by="make-backups")
    assert ecs.started["overrides"] == {
        "containerOverrides": [{"name": NAME, "command": ["python3", "-m", "jobs", "backups"]}]
    }
    assert ecs.started["startedBy"] == "make-backups"


def test_who_does_not_wait_any_longer_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ecs = Ecs()

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(ecs)
    assert ecs.stopped == [TASK]


def test_a_task_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "LONGEST_RUN", 0)
    ecs = Ecs()
    with pytest.raises(OperatorError, match="did not end within 0 s"):
        run(ecs)
    assert ecs.stopped == [TASK]
