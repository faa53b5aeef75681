"""What runs by the clock, and what it may do."""

import json
import re
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import offers
from infra.backups.aws import Backups
from infra.cluster.aws import Cluster
from infra.image.aws import Image
from infra.key.aws import Keys
from infra.network.aws import Network
from infra.schedule import scheduler
from infra.schedule.aws import Schedules
from infra.schedule.job import JOBS, PREFIX, Job, may_list, may_report, may_use_key, may_use_objects
from infra.secret.aws import Secret
from infra.settings import Settings

from .recording import ACCOUNT, Recorded, cloud_settings, record

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
SCHEDULE = "aws:scheduler/schedule:Schedule"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def program(settings: Settings) -> None:
    options = pulumi.ResourceOptions()
    keys = Keys("keys", settings, options)
    network = Network("network", settings, keys, options)
    cluster = Cluster("cluster", settings, network, keys, options)
    secret = Secret("owner-url", settings, keys, "postgresql://owner:1@db/nuggetwise", options)
    image = Image("ops", settings, "ops", "nuggetwise/ops", options)
    backups = Backups("backups", settings, keys, options)
    Schedules("schedules", settings, cluster, network, keys, backups, image, secret, options)


@pytest.fixture(scope="module")
def made() -> list[Recorded]:
    return record(cloud_settings(), program)


def inputs(made: list[Recorded], kind: str, name: str) -> dict[str, Any]:
    (found,) = (resource for resource in made if resource.type == kind and resource.name == name)
    return found.inputs


def statements(made: list[Recorded], name: str) -> list[dict[str, Any]]:
    return json.loads(inputs(made, ROLE_POLICY, name)["policy"])["Statement"]


def actions(found: list[dict[str, Any]]) -> set[str]:
    given = (statement["Action"] for statement in found)
    return {action for one in given for action in ([one] if isinstance(one, str) else one)}


@pytest.mark.parametrize(("enabled", "state"), [(False, "DISABLED"), (True, "ENABLED")])
def test_nothing_is_started_before_the_settings_say_so(enabled: bool, state: str) -> None:
    schedules = [
        resource.inputs
        for resource in record(cloud_settings(schedules={"enabled": enabled}), program)
        if resource.type == SCHEDULE
    ]
    assert [schedule["state"] for schedule in schedules] == [state] * 3


def test_a_new_stack_starts_nothing_yet() -> None:
    assert cloud_settings().schedules.enabled is False


def test_backup_and_upkeep_run_daily_and_the_restore_test_weekly_in_utc(made: list[Recorded]) -> None:
    schedules = {r.name: r.inputs for r in made if r.type == SCHEDULE}
    assert {name: schedule["scheduleExpression"] for name, schedule in schedules.items()} == {
        "upkeep": "cron(15 2 * * ? *)",
        "backup": "cron(15 4 * * ? *)",
        "restore-test": "cron(15 6 ? * SUN *)",
    }
    assert {schedule["scheduleExpressionTimezone"] for schedule in schedules.values()} == {"UTC"}


def test_each_job_is_its_own_task_on_the_ops_image_with_the_owners_url(made: list[Recorded]) -> None:
    for job in JOBS:
        (container,) = json.loads(inputs(made, TASK_DEFINITION, job.name)["containerDefinitions"])
        assert re.fullmatch(r"\d{12}\.dkr\.ecr\.\S+@sha256:[0-9a-f]{64}", container["image"])
        assert container["command"] == ["python3", "-m", "jobs", job.name]
        assert [secret["name"] for secret in container["secrets"]] == ["OWNER_DATABASE_URL"]
        told = {variable["name"] for variable in container["environment"]}
        assert ("BACKUP_BUCKET" in told) is job.reads_backups, job.name


def test_tasks_run_in_private_subnets_in_the_tasks_security_group(made: list[Recorded]) -> None:
    for job in JOBS:
        target = inputs(made, SCHEDULE, job.name)["target"]
        network = target["ecsParameters"]["networkConfiguration"]
        assert network["assignPublicIp"] is False
        assert network["securityGroups"] == ["tasks-id"]
        assert len(network["subnets"]) == 3
        assert all("private" in subnet for subnet in network["subnets"])
        assert target["ecsParameters"]["taskDefinitionArn"].endswith(f"/nuggetwise-production-{job.name}:7")


def test_what_cannot_be_started_is_tried_again_and_then_kept(made: list[Recorded]) -> None:
    queue = inputs(made, "aws:sqs/queue:Queue", "schedules")
    assert queue["sqsManagedSseEnabled"] is True
    assert queue["messageRetentionSeconds"] == 14 * 24 * 3600
    for job in JOBS:
        target = inputs(made, SCHEDULE, job.name)["target"]
        assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 5}
        assert target["deadLetterConfig"]["arn"].endswith(":schedules")


def test_the_backup_writes_and_tags_but_deletes_nothing(made: list[Recorded]) -> None:
    allowed = actions(statements(made, "backup-task"))
    assert {"s3:PutObject", "s3:PutObjectTagging", "kms:GenerateDataKey", "cloudwatch:PutMetricData"} <= allowed
    assert not any("Delete" in action or "Retention" in action or action.endswith("*") for action in allowed)


def test_the_restore_test_only_reads(made: list[Recorded]) -> None:
    allowed = actions(statements(made, "restore-test-task"))
    assert allowed == {
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:ListBucket",
        "kms:Decrypt",
        "cloudwatch:PutMetricData",
    }


def test_the_upkeep_may_do_nothing_at_aws(made: list[Recorded]) -> None:
    assert "upkeep-task" not in {resource.name for resource in made if resource.type == ROLE_POLICY}


def test_the_upkeep_alone_is_told_how_long_usage_is_kept() -> None:
    made = record(cloud_settings(usage={"keep_months": 36}), program)
    for job in JOBS:
        (container,) = json.loads(inputs(made, TASK_DEFINITION, job.name)["containerDefinitions"])
        told = [each["value"] for each in container["environment"] if each["name"] == "USAGE_RETENTION_MONTHS"]
        assert told == (["36"] if job.name == "upkeep" else []), job.name


def test_the_scheduler_starts_these_tasks_with_their_roles_and_nothing_else(made: list[Recorded]) -> None:
    run, tag, passing, send = statements(made, "schedules")
    prefix = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition/nuggetwise-production"
    assert run["Resource"] == [f"{prefix}-{job.name}:*" for job in JOBS]
    assert run["Condition"]["ArnEquals"]["ecs:cluster"].endswith(":cluster")
    assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    assert len(passing["Resource"]) == 2 * len(JOBS)
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert send["Action"] == "sqs:SendMessage"
    trusted = json.loads(inputs(made, "aws:iam/role:Role", "schedules")["assumeRolePolicy"])["Statement"][0]
    assert trusted["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT


JOB = st.sampled_from(JOBS)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{2,40}", fullmatch=True)


@given(job=JOB.filter(lambda job: job.reads_backups), bucket=NAMES, key=NAMES)
def test_a_job_reaches_its_own_prefix_and_key_and_no_others(job: Job, bucket: str, key: str) -> None:
    arn = f"arn:aws:s3:::{bucket}"
    objects = may_use_objects(job, arn)
    assert objects["Resource"] == f"{arn}/{PREFIX}*"
    assert any("Put" in action for action in objects["Action"]) is job.writes_backups
    assert may_list(arn)["Condition"]["StringLike"]["s3:prefix"] == f"{PREFIX}*"
    used = may_use_key(job, key, "eu-central-1")
    assert used["Resource"] == key
    assert used["Condition"]["StringEquals"]["kms:ViaService"] == "s3.eu-central-1.amazonaws.com"
    assert may_report()["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Nuggetwise/Backups"}}


@given(cluster=NAMES, tasks=st.lists(NAMES, min_size=1), roles=st.lists(NAMES, min_size=1), queue=NAMES)
def test_the_scheduler_has_no_wildcard_but_for_revisions_and_its_own_tasks(
    cluster: str, tasks: list[str], roles: list[str], queue: str
) -> None:
    document = scheduler.policy(
        cluster=f"arn:aws:ecs:eu-central-1:1:cluster/{cluster}", tasks=tasks, roles=roles, queue=queue
    )
    for statement in document["Statement"]:
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for resource in resources:
            assert resource.count("*") == (statement["Action"] in ("ecs:RunTask", "ecs:TagResource"))
            assert resource != "*"
        assert not re.search(r"\*", statement["Action"])


def test_jobs_have_sizes_that_fargate_offers_and_times_of_their_own() -> None:
    for job in JOBS:
        cpu, memory = job.size
        assert memory in offers.FARGATE[cpu], job.name
    assert len({job.cron for job in JOBS}) == len(JOBS)
