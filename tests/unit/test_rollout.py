"""After `up` the running task definition is the one asked for, else the update fails and says why.

moto deploys at once and never fails, so it stands for the calls; what a rolling deployment goes through is scripted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.alarms.table import rules
from infra.api import rollout
from infra.api.rollout import Rollout, RolloutFailed, RolloutProvider, verdict
from tests.infra.recording import cloud_settings

from . import aws_cluster
from .aws_cluster import CLUSTER, GROUP, REGION, AwsCluster

OLD, NEW = (f"arn:aws:ecs:eu-central-1:123456789012:task-definition/nuggetwise-production-api:{n}" for n in (7, 8))
ALARMS_LAST = rollout.LONGEST_WATCH
REASON = "ECS deployment circuit breaker: tasks failed to start."


def deployment(of: str, state: str, *, primary: bool = True, reason: str = "") -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{of[-1]}",
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": of,
        "rolloutState": state,
        "rolloutStateReason": reason,
        "desiredCount": 3,
    }


def service(*deployments: dict[str, Any]) -> dict[str, Any]:
    return {"status": "ACTIVE", "deployments": list(deployments), "events": [{"message": "(service api) is unhappy"}]}


STEADY_OLD = service(deployment(OLD, "COMPLETED"))
STEADY_NEW = service(deployment(NEW, "COMPLETED"))
UNDER_WAY = service(deployment(NEW, "IN_PROGRESS"), deployment(OLD, "COMPLETED", primary=False))
ROLLING_BACK = service(deployment(OLD, "IN_PROGRESS"), deployment(NEW, "FAILED", primary=False, reason=REASON))
GIVEN_UP = service(deployment(NEW, "FAILED", reason=REASON))
# Nothing of the version before runs any more, and ECS goes on watching the alarms.
WATCHED = service(
    deployment(NEW, "IN_PROGRESS") | {"runningCount": 3},
    deployment(OLD, "COMPLETED", primary=False) | {"runningCount": 0},
)


class Scripted:
    """An ECS whose service goes through `states`, the last of which stays; `asked` starts its own."""

    def __init__(self, states: list[dict[str, Any]], asked: list[dict[str, Any]] | None = None) -> None:
        self._states, self._asked = states, asked
        self.updates: list[dict[str, Any]] = []
        self.stopped_tasks: list[dict[str, Any]] = []

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": [self._states.pop(0) if len(self._states) > 1 else self._states[0]]}

    def update_service(self, **what: Any) -> None:
        self.updates.append(what)
        if self._asked:
            self._states = self._asked

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        return {"taskArns": [task["taskArn"] for task in self.stopped_tasks]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": self.stopped_tasks}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL", 0.01)
    monkeypatch.setattr(rollout, "LONGEST_ROLLOUT", 0.2)
    monkeypatch.setattr(rollout, "LONGEST_WATCH", 1.0)


@pytest.fixture
def aws() -> Iterator[AwsCluster]:
    with aws_cluster.running() as cluster:
        yield cluster


def props(task_definition: str = NEW) -> dict[str, Any]:
    return {
        "region": REGION,
        "cluster": CLUSTER,
        "service": "api",
        "task_definition": task_definition,
        "container": "api",
        "log_group": GROUP,
    }


def watched(ecs: Any, logs: Any = None) -> Rollout:
    return Rollout(ecs, logs, props())


def test_what_runs_already_is_not_waited_for() -> None:
    ecs = Scripted([STEADY_NEW])
    watched(ecs).finish()
    assert not ecs.updates


def test_a_deployment_is_waited_for_and_its_progress_told(capfd: pytest.CaptureFixture[str]) -> None:
    ecs = Scripted([UNDER_WAY, UNDER_WAY, STEADY_NEW])
    watched(ecs).finish()
    assert "nuggetwise-production-api:8 0 of 3 running" in capfd.readouterr().err
    assert not ecs.updates


def test_a_rollback_is_no_success_though_the_service_is_steady() -> None:
    ecs = Scripted([UNDER_WAY, ROLLING_BACK, STEADY_OLD])
    with pytest.raises(RolloutFailed, match=r"api:8 was asked for, the service is at .*api:7"):
        watched(ecs).finish()
    assert not ecs.updates


def test_a_rollback_that_was_over_between_two_looks_is_no_success_either() -> None:
    with pytest.raises(RolloutFailed):
        watched(Scripted([UNDER_WAY, STEADY_OLD])).finish()


def test_a_first_deployment_has_nothing_to_go_back_to_and_fails_all_the_same() -> None:
    with pytest.raises(RolloutFailed, match="circuit breaker"):
        watched(Scripted([UNDER_WAY, GIVEN_UP])).finish()


@pytest.mark.parametrize("left", [STEADY_OLD, GIVEN_UP], ids=["rolled back", "given up"])
def test_after_a_failure_the_next_up_asks_again_and_waits(left: dict[str, Any]) -> None:
    ecs = Scripted([left], asked=[UNDER_WAY, STEADY_NEW])
    watched(ecs).finish()
    (update,) = ecs.updates
    assert (update["service"], update["taskDefinition"]) == ("api", NEW)


def test_a_rollback_that_is_still_under_way_is_let_finish_before_asking_again() -> None:
    ecs = Scripted([ROLLING_BACK, ROLLING_BACK, STEADY_OLD], asked=[STEADY_OLD, UNDER_WAY, STEADY_NEW])
    watched(ecs).finish()
    assert len(ecs.updates) == 1, "a first look that is out of date is no second failure"


def test_asking_again_and_failing_again_is_a_failure() -> None:
    ecs = Scripted([STEADY_OLD], asked=[UNDER_WAY, ROLLING_BACK])
    with pytest.raises(RolloutFailed):
        watched(ecs).finish()
    assert len(ecs.updates) == 1


def test_a_deployment_that_never_ends_is_a_failure_after_a_bounded_time() -> None:
    with pytest.raises(RolloutFailed, match=r"did not end within .*\n(?s:.*)is unhappy"):
        watched(Scripted([UNDER_WAY])).finish()


def test_the_time_in_which_ecs_watches_the_alarms_comes_on_top() -> None:
    watched(Scripted([UNDER_WAY, *[WATCHED] * 50, STEADY_NEW])).finish()


def test_alarms_that_are_watched_without_end_are_a_failure_after_a_bounded_time() -> None:
    with pytest.raises(RolloutFailed, match="did not end within 1 s"):
        watched(Scripted([WATCHED])).finish()


def test_an_alarm_that_rings_while_it_is_watched_is_a_failure() -> None:
    with pytest.raises(RolloutFailed, match="the deployment failed"):
        watched(Scripted([WATCHED, ROLLING_BACK])).finish()


def test_while_a_task_of_the_version_before_runs_the_deployment_itself_is_not_over() -> None:
    draining = service(WATCHED["deployments"][0], WATCHED["deployments"][1] | {"runningCount": 1})
    with pytest.raises(RolloutFailed, match="did not end within 0 s"):
        watched(Scripted([draining])).finish()


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_alarms_that_ecs_watches_decide_within_the_time_that_is_waited_for_them(stack: str) -> None:
    windows = [rule.period * rule.periods for rule in rules(cloud_settings(stack)) if rule.rolls_back]
    assert windows
    assert max(windows) + 60 < ALARMS_LAST, "ECS itself looks at them once in a while only"


def test_the_failure_tells_why_tasks_stopped_and_the_end_of_their_logs(aws: AwsCluster) -> None:
    ecs = Scripted([UNDER_WAY, ROLLING_BACK])
    for task, definition in (("aa", NEW), ("bb", NEW), ("cc", OLD)):
        arn = f"arn:aws:ecs:eu-central-1:123456789012:task/nuggetwise/{task}"
        ecs.stopped_tasks.append(
            {
                "taskArn": arn,
                "taskDefinitionArn": definition,
                "lastStatus": "STOPPED",
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "api", "exitCode": 1}, {"name": "collector"}],
            }
        )
        if task != "bb":
            aws.says("api", arn, f"JWT_SECRET: is not set ({task})")
    with pytest.raises(RolloutFailed) as caught:
        watched(ecs, aws.logs).finish()
    text = str(caught.value)
    assert REASON in text
    assert "task aa stopped: Essential container in task exited; api: exit code 1" in text
    assert "api: JWT_SECRET: is not set (aa)" in text
    assert "task bb stopped" in text, "one that never said a word is told too"
    assert "cc" not in text, "tasks of the version before are not the reason"


def test_a_service_that_is_gone_is_told_with_the_way_out(aws: AwsCluster) -> None:
    with pytest.raises(RolloutFailed, match="--refresh"):
        watched(aws.ecs).finish()


def test_ecs_takes_the_calls_as_they_are_made(aws: AwsCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = aws.task_definition("api"), aws.task_definition("api")
    aws.ecs.create_service(cluster=CLUSTER, serviceName="api", taskDefinition=old, desiredCount=1)
    with pytest.raises(RolloutFailed, match="did not end"):  # moto begins a deployment and never ends one
        RolloutProvider().create(props(old))
    steady = Scripted([service(deployment(old, "COMPLETED"))])
    with monkeypatch.context() as patch, pytest.raises(RolloutFailed, match="did not end"):
        patch.setattr(aws.ecs, "describe_services", steady.describe_services)
        Rollout(aws.ecs, aws.logs, props(new)).finish()
    (asked,) = aws.ecs.describe_services(cluster=CLUSTER, services=["api"])["services"]
    assert asked.get("taskDefinition") == new


def test_a_refresh_shows_another_running_task_definition_as_a_change(aws: AwsCluster) -> None:
    old, new = aws.task_definition("api"), aws.task_definition("api")
    aws.ecs.create_service(cluster=CLUSTER, serviceName="api", taskDefinition=old, desiredCount=1)
    provider = RolloutProvider()
    assert provider.diff("id", props(new), props(new)).changes is False
    refreshed = provider.read("id", props(new)).outs
    assert refreshed is not None
    assert provider.diff("id", refreshed, props(new)).changes is True


states = st.sampled_from(["COMPLETED", "FAILED", "IN_PROGRESS"])
deployments = st.builds(deployment, st.sampled_from([OLD, NEW]), states, primary=st.booleans())


@given(st.lists(deployments))
def test_only_a_completed_primary_deployment_of_the_wanted_definition_counts_as_running(
    found: list[dict[str, Any]],
) -> None:
    at: Any = service(*found)
    primary = next((each for each in found if each["status"] == "PRIMARY"), None)
    wanted = primary and (primary["taskDefinition"], primary["rolloutState"]) == (NEW, "COMPLETED")
    assert (verdict(at, NEW) == "running") is bool(wanted)
