"""What runs by the clock and by hand, and what it may do."""

import json
import re
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import names, offers, release
from infra.backups.aws import SUPERSEDED, Backups
from infra.backups.restore import Restore
from infra.cluster.aws import Cluster
from infra.cluster.task import USER
from infra.image.aws import Image
from infra.key.aws import Keys
from infra.network.aws import Network
from infra.schedule import CONTAINER, scheduler, variables
from infra.schedule.aws import Schedules
from infra.schedule.job import (
    JOBS,
    MARKS,
    PREFIX,
    RESTORE,
    Job,
    may_list,
    may_mark,
    may_report,
    may_use_key,
    may_use_objects,
)
from infra.schedule.task import NOBODY, Administrator, Jobs
from infra.secret.aws import Secret
from infra.settings import Settings
from jobs import settings as of_jobs
from jobs.clock import JOBS as OF_DEV
from jobs.metrics import Metrics
from jobs.store import SUPERSEDED as TAG
from migrations.settings import Target

from .recording import ACCOUNT, Recorded, cloud_settings, record

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
SCHEDULE = "aws:scheduler/schedule:Schedule"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
EVERY = (*JOBS, RESTORE)
ADMINISTRATOR = Administrator(
    {"ADMIN_DATABASE_URL": "postgresql://admin@db/postgres"},
    {"PGPASSWORD": f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:rds!db-1:password::"},
)


def program(settings: Settings, administrator: Administrator = ADMINISTRATOR) -> None:
    options = pulumi.ResourceOptions()
    keys = Keys("keys", settings, options)
    network = Network("network", settings, keys, options)
    cluster = Cluster("cluster", settings, network, keys, options)
    secret = Secret("owner-url", settings, keys, "postgresql://owner:1@db/nuggetwise", options)
    image = Image("ops", settings, "ops", "nuggetwise/ops", options)
    jobs = Jobs(settings, cluster, keys, Backups("backups", settings, keys, options), image, secret)
    Schedules("schedules", jobs, network, options)
    Restore("restore", jobs, administrator, options)


@pytest.fixture(scope="module")
def made() -> list[Recorded]:
    return record(cloud_settings(), program)


def inputs(made: list[Recorded], kind: str, name: str) -> dict[str, Any]:
    (found,) = (resource for resource in made if resource.type == kind and resource.name == name)
    return found.inputs


def container(made: list[Recorded], job: Job) -> dict[str, Any]:
    (found,) = json.loads(inputs(made, TASK_DEFINITION, job.name)["containerDefinitions"])
    return found


def told(made: list[Recorded], job: Job) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(made, job)["environment"]}


def statements(made: list[Recorded], name: str) -> list[dict[str, Any]]:
    return json.loads(inputs(made, ROLE_POLICY, name)["policy"])["Statement"]


def actions(found: list[dict[str, Any]]) -> set[str]:
    given = (statement["Action"] for statement in found)
    return {action for one in given for action in ([one] if isinstance(one, str) else one)}


def test_backup_and_upkeep_run_daily_and_the_restore_test_weekly_in_utc(made: list[Recorded]) -> None:
    schedules = {r.name: r.inputs for r in made if r.type == SCHEDULE}
    assert {name: schedule["scheduleExpression"] for name, schedule in schedules.items()} == {
        "upkeep": "cron(15 2 * * ? *)",
        "backup": "cron(15 4 * * ? *)",
        "restore-test": "cron(15 6 ? * SUN *)",
    }
    assert {schedule["scheduleExpressionTimezone"] for schedule in schedules.values()} == {"UTC"}
    assert {schedule["state"] for schedule in schedules.values()} == {"ENABLED"}


def test_dev_runs_the_same_jobs_at_the_same_times() -> None:
    day = {None: "* * ? *", 6: "? * SUN *"}
    assert {(job.name, f"cron({job.at.minute} {job.at.hour} {day[job.weekday]})") for job in OF_DEV} == {
        (job.name, job.cron) for job in JOBS
    }


def test_each_job_is_its_own_task_on_the_ops_image_with_the_owners_url(made: list[Recorded]) -> None:
    for job in EVERY:
        found = container(made, job)
        assert found["name"] == CONTAINER, "by which `make backup` finds its log"
        assert re.fullmatch(r"\d{12}\.dkr\.ecr\.\S+@sha256:[0-9a-f]{64}", found["image"])
        assert found["command"] == ["python3", "-m", "jobs", job.name]
        secrets = {secret["name"]: secret["valueFrom"] for secret in found["secrets"]}
        assert secrets.pop("OWNER_DATABASE_URL").endswith(":owner-url:::owner-url-version")
        assert ("BACKUP_BUCKET" in told(made, job)) is ("BACKUP_IDENTITY" in secrets) is job.reads_backups, job.name


def test_what_opens_the_backups_is_a_secret_and_what_closes_them_is_not(made: list[Recorded]) -> None:
    for job in (each for each in EVERY if each.reads_backups):
        secrets = {secret["name"]: secret["valueFrom"] for secret in container(made, job)["secrets"]}
        assert secrets["BACKUP_IDENTITY"].endswith(":backup-identity:::backup-identity-version")
        assert told(made, job)["BACKUP_RECIPIENT"] == "age1recipient"
        assert "AGE-SECRET-KEY" not in json.dumps(container(made, job))


def test_the_jobs_understand_what_they_are_told(made: list[Recorded]) -> None:
    for job in (each for each in EVERY if each.reads_backups):
        given = told(made, job)
        bucket, source = of_jobs.bucket(given), of_jobs.source(given)
        assert (bucket.name, bucket.prefix, bucket.region) == ("nuggetwise-backups", PREFIX, "eu-central-1")
        assert (bucket.endpoint, bucket.expiry) == (None, "tag"), "AWS's own, whose lifecycle deletes"
        assert (source.stack, source.api_role) == ("production", "nuggetwise_api")
        assert source.release == release.app_version(release.image_tag("ops")), "its own, not the API's"
        assert of_jobs.work_dir(given).as_posix() == variables.WORK
        metrics = Metrics.of(given)
        assert (metrics.namespace, metrics.stack) == ("Nuggetwise/Backups" if job.reports else None, "production")
    assert TAG == SUPERSEDED, "the tag that the bucket's lifecycle looks for"


def test_there_is_room_to_restore_into_which_the_jobs_user_may_write_to(made: list[Recorded]) -> None:
    dockerfile = (release.ROOT / "images" / "ops" / "Dockerfile").read_text()
    assert f"VOLUME {variables.WORK}\n" in dockerfile, "on Fargate it would be root's otherwise"
    assert f"--uid {USER} " in dockerfile
    assert re.search(rf"install -d -o ops -g ops .*{variables.WORK}\b", dockerfile)
    for job in EVERY:
        task, found = inputs(made, TASK_DEFINITION, job.name), container(made, job)
        assert found["readonlyRootFilesystem"] is True
        writable = [mount["containerPath"] for mount in found["mountPoints"]]
        assert writable == ([variables.WORK] if job.reads_backups else [])
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
        assert task.get("ephemeralStorage") == ({"sizeInGib": 200} if job.reads_backups else None)


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


def test_the_restore_test_reads_and_marks_what_it_found_and_touches_no_dump(made: list[Recorded]) -> None:
    found = statements(made, "restore-test-task")
    assert actions(found) == {
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:ListBucket",
        "s3:PutObject",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "cloudwatch:PutMetricData",
    }
    (marking,) = (each for each in found if "s3:PutObject" in each["Action"])
    assert all(re.search(r"/database/\*/[a-z*-]+\.json$", resource) for resource in marking["Resource"])
    assert not any("manifest" in resource or "dump" in resource for resource in marking["Resource"])


def test_a_restore_only_reads(made: list[Recorded]) -> None:
    allowed = actions(statements(made, "restore-task"))
    assert allowed == {"s3:GetObject", "s3:GetObjectTagging", "s3:ListBucket", "kms:Decrypt"}


def test_a_restore_alone_gets_the_administrator_and_nothing_starts_it(made: list[Recorded]) -> None:
    assert inputs(made, TASK_DEFINITION, "restore")["family"] == names.of(cloud_settings(), "restore")
    for job in EVERY:
        variables_of = {*told(made, job), *(secret["name"] for secret in container(made, job)["secrets"])}
        wanted = {"ADMIN_DATABASE_URL", "PGPASSWORD"} if job is RESTORE else set[str]()
        assert variables_of & {"ADMIN_DATABASE_URL", "PGPASSWORD"} == wanted, job.name
        reads = json.dumps(statements(made, f"{job.name}-execution"))
        assert ("secret:rds!db-1" in reads) is (job is RESTORE), job.name
    assert "restore" not in {r.name for r in made if r.type == SCHEDULE}
    run, *_ = statements(made, "schedules")
    assert not any("-restore:" in resource for resource in run["Resource"])


def test_where_nobody_of_ours_may_make_databases_a_restore_is_told_of_nobody() -> None:
    made = record(cloud_settings("staging"), lambda settings: program(settings, NOBODY))
    assert "ADMIN_DATABASE_URL" not in told(made, RESTORE)
    assert {secret["name"] for secret in container(made, RESTORE)["secrets"]} == {
        "BACKUP_IDENTITY",
        "OWNER_DATABASE_URL",
    }


def test_the_keys_of_secrets_are_used_by_secrets_manager_alone(made: list[Recorded]) -> None:
    for job in EVERY:
        (used,) = [each for each in statements(made, f"{job.name}-execution") if each["Action"] == "kms:Decrypt"]
        keys = {arn.rpartition(":")[2] for arn in used["Resource"]}
        assert keys == ({"keys-secrets", "keys-backups"} if job.reads_backups else {"keys-secrets"}), job.name
        assert used["Condition"]["StringEquals"]["kms:ViaService"] == "secretsmanager.eu-central-1.amazonaws.com"


def test_the_upkeep_may_do_nothing_at_aws(made: list[Recorded]) -> None:
    assert "upkeep-task" not in {resource.name for resource in made if resource.type == ROLE_POLICY}


def test_the_upkeep_alone_is_told_how_long_usage_is_kept() -> None:
    made = record(cloud_settings(usage={"keep_months": 36}), program)
    for job in EVERY:
        kept = told(made, job).get("USAGE_RETENTION_MONTHS")
        assert kept == ("36" if job.name == "upkeep" else None), job.name


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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://api:1@db.example.com:6543/postgres",
        "postgresql://api.abcdefghij:1@aws-0-eu.pooler.supabase.com:6543/postgres",
        "postgresql://a%40b:1@db.example.com/postgres",
        "postgresql://with.dot:1@db.example.com/postgres",
    ],
)
def test_in_a_database_that_lives_elsewhere_the_role_is_that_which_the_migrations_grant_access_to(url: str) -> None:
    database = {"kind": "external", "url": url, "owner_url": "postgresql://owner:2@db.example.com/postgres"}
    chosen = cloud_settings("staging", database={"max_connections": 400, **database})
    assert variables.of_backups(chosen, "b", "r")["API_ROLE"] == Target.parse("DATABASE_URL", url).role


JOB = st.sampled_from(EVERY)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{2,40}", fullmatch=True)


@given(job=JOB.filter(lambda job: job.reads_backups), bucket=NAMES, key=NAMES)
def test_a_job_reaches_its_own_prefix_and_key_and_no_others(job: Job, bucket: str, key: str) -> None:
    arn = f"arn:aws:s3:::{bucket}"
    objects = may_use_objects(job, arn)
    assert objects["Resource"] == f"{arn}/{PREFIX}*"
    assert any("Put" in action for action in objects["Action"]) is job.writes_backups
    assert may_mark(arn)["Resource"] == [f"{arn}/{PREFIX}*/{mark}" for mark in MARKS]
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
    for job in EVERY:
        cpu, memory = job.size
        assert memory in offers.FARGATE[cpu], job.name
    assert len({job.cron for job in EVERY}) == len(EVERY)
