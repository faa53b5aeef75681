"""A backup as it runs at AWS: into a bucket with versions, Object Lock and tags, with metrics for the alarms."""

import json
import os
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer

from infra.alarms.table import BACKUPS
from migrations.settings import Settings
from tests.database.ops_image import BUCKET, Ops, ops_of
from tests.database.test_backups import fill

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_s3 import S3Client

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def endpoint() -> Generator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
    yield f"http://127.0.0.1:{port}" if host else ""
    server.stop()


@pytest.fixture(scope="module")
def aws(endpoint: str) -> "S3Client":
    client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
    client.create_bucket(
        Bucket=BUCKET,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        ObjectLockEnabledForBucket=True,
    )
    client.put_object_lock_configuration(
        Bucket=BUCKET,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
        },
    )
    return client


@pytest.fixture(scope="module")
def ops(module_database: Settings, endpoint: str, aws: "S3Client") -> Generator[Ops]:
    with psycopg.connect(module_database.owner.url, autocommit=True) as owner:
        fill(owner)
    at_aws = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "S3_ENDPOINT_URL": "",
        "BACKUP_EXPIRY": "",
        "CLOUDWATCH_NAMESPACE": BACKUPS,
    }
    with ops_of(module_database, **at_aws) as made:
        yield made


def superseded(aws: "S3Client") -> set[str]:
    """The objects that the lifecycle may expire."""
    keys = [each.get("Key", "") for each in aws.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    tags = {key: aws.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"] for key in keys}
    assert {str(each) for each in tags.values()} <= {"[]", str([{"Key": "superseded", "Value": "true"}])}
    return {key for key, found in tags.items() if found}


def last(client: "CloudWatchClient", metric: str) -> list[float]:
    now = datetime.now(UTC)
    answer = client.get_metric_statistics(
        Namespace=BACKUPS,
        MetricName=metric,
        Dimensions=[{"Name": "stack", "Value": "test"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=["Minimum", "Maximum"],
    )
    return [value for each in answer["Datapoints"] for value in (each.get("Minimum", -1), each.get("Maximum", -1))]


def test_only_what_is_superseded_is_tagged_and_the_alarms_are_told(ops: Ops, aws: "S3Client", endpoint: str) -> None:
    first = ops.run("backup")
    assert first.code == 0, first.said
    id = first.line("verified")["id"]
    assert superseded(aws) == set()
    moment = datetime.now(UTC) - timedelta(days=31)
    old = f"{moment:%Y%m%dT%H%M%SZ}-0000"
    for name in ("dump.age", "manifest.json", "verified.json"):
        body = aws.get_object(Bucket=BUCKET, Key=f"database/{id}/{name}")["Body"].read()
        if name == "manifest.json":
            body = json.dumps(json.loads(body) | {"id": old, "created_at": moment.isoformat()}).encode()
        aws.put_object(Bucket=BUCKET, Key=f"database/{old}/{name}", Body=body)
    second = ops.run("backup")
    assert second.code == 0, second.said
    assert second.line("superseded")["id"] == old
    assert superseded(aws) == {f"database/{old}/{name}" for name in ("dump.age", "manifest.json", "verified.json")}
    listed = {each["id"]: each["superseded"] for each in ops.run("backups").lines}
    assert listed == {second.line("verified")["id"]: False, id: False, old: True}
    watch = boto3.client("cloudwatch", endpoint_url=endpoint, region_name=REGION)
    assert last(watch, "BackupsMade") == [1, 1]
    age = last(watch, "RestoreTestAge")
    assert age[-1] == pytest.approx(31 * 24, abs=0.1), "never tested since the first backup"
    assert ops.run("restore-test").code == 0
    assert last(watch, "RestoreTestFailures") == [0, 0]
    assert ops.run("backup").code == 0
    assert last(watch, "RestoreTestAge")[0] < 0.1


def test_a_failure_reaches_the_alarms(ops: Ops, aws: "S3Client", endpoint: str) -> None:
    assert ops.run("backup", OWNER_DATABASE_URL="postgresql://o:x@127.0.0.1:9/d").code == 1
    assert ops.run("restore-test", "20000101T000000Z-0000").code == 1
    watch = boto3.client("cloudwatch", endpoint_url=endpoint, region_name=REGION)
    assert last(watch, "BackupsMade")[0] == 0
    assert last(watch, "RestoreTestFailures")[1] == 1


def test_nothing_that_was_written_has_a_second_version(ops: Ops, aws: "S3Client") -> None:
    assert ops.run("backup").code == 0
    found = aws.list_object_versions(Bucket=BUCKET)
    keys = [each.get("Key") for each in found.get("Versions", [])]
    assert len(keys) == len(set(keys))
    assert found.get("DeleteMarkers", []) == []
    assert aws.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
