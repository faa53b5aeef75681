"""A bucket as the stacks in the cloud have it, kept by moto: versioned, locked for 30 days, encrypted by a key."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from jobs.manifest import Manifest
from jobs.settings import Bucket
from jobs.store import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = Bucket("backups", "database/", "eu-central-1", None, None, "tag")


@dataclass(frozen=True)
class Kept:
    """The bucket as a job reaches it, and as AWS itself would show it."""

    store: Store
    aws: "S3Client"
    key_id: str

    def versions(self, key: str) -> list[str]:
        found = self.aws.list_object_versions(Bucket=BUCKET.name, Prefix=f"database/{key}").get("Versions", [])
        return [each.get("VersionId", "") for each in found]

    def tagged(self) -> set[str]:
        found = self.aws.list_objects_v2(Bucket=BUCKET.name).get("Contents", [])
        keys = {each.get("Key", "") for each in found}
        return {key for key in keys if self.aws.get_object_tagging(Bucket=BUCKET.name, Key=key)["TagSet"]}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Generator[Kept]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        aws = boto3.client("s3", region_name=BUCKET.region)
        aws.create_bucket(
            Bucket=BUCKET.name,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
            ObjectLockEnabledForBucket=True,
        )
        aws.put_object_lock_configuration(
            Bucket=BUCKET.name,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
            },
        )
        key = boto3.client("kms", region_name=BUCKET.region).create_key()["KeyMetadata"].get("Arn", "")
        aws.put_bucket_encryption(
            Bucket=BUCKET.name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]
            },
        )
        yield Kept(Store.connect(BUCKET), aws, key)


def manifest(id: str, *, size: int = 4, created_at: datetime = datetime(2026, 11, 24, tzinfo=UTC)) -> Manifest:
    """Of a small backup."""
    return Manifest(
        id=id,
        stack="test",
        release="1.2.3",
        created_at=created_at.isoformat(),
        schema_revision="0024",
        server_version="17.6",
        owner="owner",
        api_role="api",
        recipient="age1" + "q" * 58,
        size=size,
        sha256="-",
        tables={"public.users": 3, "public.usage_202611": 4},
        facts={"tables": "a", "policies": "b"},
        seconds=1.5,
    )
