"""A one-off task of an operator: started where the stack's tasks run, waited for, its log shown."""

from typing import Any, cast

import pytest

from infra.outputs import StackOutputs
from ops.errors import OperatorError
from ops.task import follow

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


class Ecs:
    """Answers as ECS does, and remembers what it was asked to start."""

    def __init__(self, code: int | None = 0, failures: list[Any] | None = None) -> None:
        self.started: dict[str, Any] = {}
        self.waited: list[str] = []
        self._code, self._failures = code, failures or []

    def run_task(self, **asked: Any) -> dict[str, Any]:
        self.started = asked
        return {"tasks": [] if self._failures else [{"taskArn": TASK}], "failures": self._failures}

    def get_waiter(self, _name: str) -> Any:
        return self

    def wait(self, *, tasks: list[str], **_more: Any) -> None:
        self.waited += tasks

    def describe_tasks(self, **_asked: Any) -> dict[str, Any]:
        container = {"name": "reencryption", "exitCode": self._code}
        if self._code is None:
            container = {"name": "reencryption", "reason": "CannotPullContainerError"}
        return {"tasks": [{"taskArn": TASK, "lastStatus": "STOPPED", "containers": [container]}]}


class Logs:
    """A log of one line."""

    def get_log_events(self, **_asked: Any) -> dict[str, Any]:
        return {"events": [{"message": "0 secrets are left"}]}


def run(ecs: Ecs, outputs: StackOutputs = OUTPUTS) -> int:
    return follow(cast("Any", ecs), cast("Any", Logs()), "nuggetwise-production-reencryption", outputs, "reencryption")


@pytest.mark.parametrize("code", [0, 1, 137])
def test_its_exit_code_and_its_log_come_back(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    ecs = Ecs(code)
    assert run(ecs) == code
    assert ecs.waited == [TASK]
    assert capsys.readouterr().out == "reencryption: 0 secrets are left\n"


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
