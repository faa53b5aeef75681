"""What a preview does not know: neither a false alarm nor a silent pass."""

from pulumi_policy import EnforcementLevel, StackValidationArgs

from policies.controls import CONTROLS
from policies.undecided import Undecided

from .cases import ecs as ecs_cases
from .cases import rds as rds_cases
from .cases import s3 as s3_cases
from .declared import UNKNOWN, Sample, violations

BY_ID = {control.id: control for control in CONTROLS}


def told(undecided: Undecided) -> list[tuple[str, str | None]]:
    messages: list[tuple[str, str | None]] = []
    undecided.policy().validate(StackValidationArgs([]), lambda message, urn=None: messages.append((message, urn)))
    return messages


def judge(sample: Sample) -> tuple[list[str], list[str]]:
    """The violations, and the controls that could not be decided."""
    undecided = Undecided()
    found = [message for control in CONTROLS for message in violations(control, sample, undecided)]
    return found, [control for controls in undecided.take().values() for control in controls]


def test_a_value_that_decides_but_is_not_known_is_undecided() -> None:
    assert judge(rds_cases.database(storageEncrypted=UNKNOWN)) == ([], ["RDS.3"])


def test_where_any_value_will_do_an_unknown_one_is_enough() -> None:
    unknown = rds_cases.database(dbSubnetGroupName=UNKNOWN, kmsKeyId=UNKNOWN, monitoringRoleArn=UNKNOWN)
    assert judge(unknown) == ([], [])


def test_containers_that_are_not_known_yet_leave_only_their_own_controls_undecided() -> None:
    assert judge(ecs_cases.task(containerDefinitions=UNKNOWN)) == ([], ["ECS.4", "ECS.5", "ECS.8", "ECS.9"])


def test_what_belongs_to_a_bucket_is_found_before_the_bucket_exists() -> None:
    assert judge(s3_cases.whole()) == ([], ["S3.5"])


def test_one_unknown_value_hides_no_violation_of_another_resource() -> None:
    undecided = Undecided()
    sample = [*s3_cases.whole(), s3_cases.LOGS]
    messages = violations(BY_ID["S3.5"], sample, undecided)
    assert len(messages) == 1 and len(undecided.take()) == 1


def test_a_preview_tells_what_it_could_not_decide_in_one_line_a_resource_and_once() -> None:
    undecided = Undecided()
    task = ecs_cases.task(containerDefinitions=UNKNOWN)
    for control in CONTROLS:
        violations(control, task, undecided)
    ((message, urn),) = told(undecided)
    assert message.startswith("ECS.4, ECS.5, ECS.8, ECS.9: ") and urn == task[0].urn
    assert told(undecided) == []


def test_being_undecided_stops_nothing() -> None:
    assert Undecided().policy().enforcement_level is EnforcementLevel.ADVISORY
