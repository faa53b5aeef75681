"""The backups' bucket and its copy: nobody deletes from them, and they stay when everything else goes."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backups import replication
from infra.backups.aws import LOCK_DAYS, SUPERSEDED, Backups, rules
from infra.bucket import policies
from infra.key.aws import Keys
from infra.settings import Settings

from .recording import ACCOUNT, Recorded, Told, cloud_settings, is_secret, record, unsealed

BUCKETS = ("backups", "backups-copy")
LOGS = ("backups-logs", "backups-copy-logs")
EVERY = (*BUCKETS, *LOGS)
ENCRYPTION = "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True)
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)


class Declared:
    """What the backups of these settings register, and what they tell others."""

    def __init__(self, stack: Settings) -> None:
        self.told = Told()
        self.resources = record(stack, self._program)

    def _program(self, settings: Settings) -> None:
        made = Backups("backups", settings, Keys("keys", settings, pulumi.ResourceOptions()), pulumi.ResourceOptions())
        names = ("bucket", "bucket_arn", "copy_bucket", "copy_bucket_arn", "recipient")
        self.told.listen(**{name: getattr(made, name) for name in names})

    def of(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [r.inputs for r in self.resources if r.type == f"aws:s3/{kind}" and r.name == name]
        return found

    @property
    def own(self) -> list[Recorded]:
        """All but the keys."""
        return [r for r in self.resources if not r.name.startswith("keys") and r.type.startswith("aws:")]


@pytest.fixture(scope="module")
def production() -> Declared:
    return Declared(cloud_settings())


def test_there_are_two_buckets_in_two_regions(production: Declared) -> None:
    here, there = (production.of("bucket:Bucket", name) for name in BUCKETS)
    assert (here["bucket"], here["region"]) == ("nuggetwise-backups", "eu-central-1")
    assert (there["bucket"], there["region"]) == ("nuggetwise-backups-copy", "eu-west-1")
    assert production.told.values == {
        "bucket": "nuggetwise-backups",
        "bucket_arn": "arn:aws:s3:::nuggetwise-backups",
        "copy_bucket": "nuggetwise-backups-copy",
        "copy_bucket_arn": "arn:aws:s3:::nuggetwise-backups-copy",
        "recipient": "age1recipient",
    }


@pytest.mark.parametrize("name", BUCKETS)
def test_nobody_deletes_a_backup_for_thirty_days(production: Declared, name: str) -> None:
    assert production.of("bucket:Bucket", name)["objectLockEnabled"] is True
    lock = production.of("bucketObjectLockConfiguration:BucketObjectLockConfiguration", name)
    assert lock["rule"]["defaultRetention"] == {"mode": "GOVERNANCE", "days": 30}
    versioning = production.of("bucketVersioning:BucketVersioning", name)
    assert versioning["versioningConfiguration"]["status"] == "Enabled"


@pytest.mark.parametrize(("name", "key"), [("backups", "keys-backups"), ("backups-copy", "keys-backups-copy")])
def test_backups_are_encrypted_by_the_key_of_their_region(production: Declared, name: str, key: str) -> None:
    (rule,) = production.of("bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", name)[
        "rules"
    ]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(f":{key}")
    assert rule["bucketKeyEnabled"] is True


@pytest.mark.parametrize("name", EVERY)
def test_no_one_brings_a_key_that_we_do_not_have(production: Declared, name: str) -> None:
    (rule,) = production.of(ENCRYPTION, name)["rules"]
    assert rule["blockedEncryptionTypes"] == ["SSE-C"], "what S3 says of a new bucket, so that it is no change"


@pytest.mark.parametrize("name", EVERY)
def test_a_bucket_is_closed_to_the_public_and_knows_no_access_lists(production: Declared, name: str) -> None:
    block = production.of("bucketPublicAccessBlock:BucketPublicAccessBlock", name)
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(block[switch] is True for switch in switches), "S3.2, S3.3, S3.8"
    ownership = production.of("bucketOwnershipControls:BucketOwnershipControls", name)
    assert ownership["rule"]["objectOwnership"] == "BucketOwnerEnforced", "S3.12"


@pytest.mark.parametrize("name", EVERY)
def test_a_bucket_refuses_plain_http_and_old_tls(production: Declared, name: str) -> None:
    statements = json.loads(production.of("bucketPolicy:BucketPolicy", name)["policy"])["Statement"]
    refused = {json.dumps(s["Condition"]) for s in statements if s["Effect"] == "Deny" and s["Principal"] == "*"}
    assert '{"Bool": {"aws:SecureTransport": "false"}}' in refused, "S3.5"
    assert '{"NumericLessThan": {"s3:TlsVersion": "1.2"}}' in refused


@pytest.mark.parametrize("name", EVERY)
def test_every_part_of_a_bucket_is_in_the_regions_of_the_bucket(production: Declared, name: str) -> None:
    parts = [r for r in production.own if r.type.startswith("aws:s3/") and r.name == name]
    assert {r.inputs["region"] for r in parts} == {"eu-west-1" if "copy" in name else "eu-central-1"}


@pytest.mark.parametrize("name", BUCKETS)
def test_who_accessed_a_backup_is_written_down_in_the_same_region(production: Declared, name: str) -> None:
    logging = production.of("bucketLogging:BucketLogging", name)
    assert logging["targetBucket"] == f"{name}-logs-0a1b2c", "S3.9"
    bucket = production.of("bucket:Bucket", name)["bucket"]
    statements = json.loads(production.of("bucketPolicy:BucketPolicy", f"{name}-logs")["policy"])["Statement"]
    (writer,) = [s for s in statements if s["Effect"] == "Allow"]
    assert writer["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert writer["Condition"]["ArnLike"]["aws:SourceArn"] == f"arn:aws:s3:::{bucket}"
    assert writer["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT


@pytest.mark.parametrize("name", LOGS)
def test_access_logs_end_and_need_no_key_of_ours(production: Declared, name: str) -> None:
    (rule,) = production.of("bucketLifecycleConfiguration:BucketLifecycleConfiguration", name)["rules"]
    assert rule["expiration"] == {"days": 90}, "S3.13"
    (encrypted,) = production.of(ENCRYPTION, name)["rules"]
    assert encrypted["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}, "S3 delivers to no other"


def test_only_a_superseded_backup_expires_and_never_before_thirty_days() -> None:
    (rule,) = [rule for rule in rules() if rule.get("expiration") != {"expired_object_delete_marker": True}]
    key, value = SUPERSEDED
    assert rule.get("filter") == {"tag": {"key": key, "value": value}}
    assert rule.get("expiration") == {"days": LOCK_DAYS}


def test_what_is_left_of_a_backup_stays_a_day_longer_than_its_lock() -> None:
    (rule,) = [rule for rule in rules() if "noncurrent_version_expiration" in rule]
    assert rule.get("noncurrent_version_expiration") == {"noncurrent_days": 31}, "S3.10"
    assert rule.get("expiration") == {"expired_object_delete_marker": True}, "current backups are not touched"
    assert rule.get("filter") == {"prefix": ""}
    assert rule.get("abort_incomplete_multipart_upload") == {"days_after_initiation": 2}


@pytest.mark.parametrize("name", BUCKETS)
def test_both_buckets_have_the_same_lifecycle(production: Declared, name: str) -> None:
    found = production.of("bucketLifecycleConfiguration:BucketLifecycleConfiguration", name)["rules"]
    assert [rule["id"] for rule in found] == ["superseded", "leftovers"]
    assert all(rule["status"] == "Enabled" for rule in found)


def test_every_backup_is_copied_with_its_encryption_and_no_deletion_is(production: Declared) -> None:
    inputs = production.of("bucketReplicationConfig:BucketReplicationConfig", "backups")
    (rule,) = inputs["rules"]
    assert (rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""})
    assert rule["destination"]["bucket"] == "arn:aws:s3:::nuggetwise-backups-copy"
    assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"].endswith(":keys-backups-copy")
    assert rule["sourceSelectionCriteria"]["sseKmsEncryptedObjects"]["status"] == "Enabled", "else S3 skips them"
    assert rule["deleteMarkerReplication"]["status"] == "Disabled"
    assert inputs["role"].endswith("backups-replication")


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_all_of_it_stays_when_the_stack_is_destroyed(environment: str) -> None:
    stack = Declared(cloud_settings(environment))
    gone = [f"{r.type} {r.name}" for r in stack.own if not r.retained]
    assert not gone, "a bucket without its policy or its lock is another bucket"
    keys = [
        r for r in stack.resources if r.type.startswith("aws:kms/") and "backups" in r.name and "alias" not in r.type
    ]
    assert len(keys) == 2
    assert all(key.retained for key in keys), "without its key no backup can be read"


def test_what_opens_the_backups_is_kept_in_both_regions_by_the_key_that_stays_as_they_do(production: Declared) -> None:
    (secret,) = (r for r in production.own if r.type == "aws:secretsmanager/secret:Secret")
    assert secret.retained
    assert secret.inputs["kmsKeyId"].endswith(":keys-backups"), "the key of other secrets goes with the stack"
    (replica,) = secret.inputs["replicas"]
    assert replica["region"] == "eu-west-1"
    assert replica["kmsKeyId"].endswith(":keys-backups-copy")
    (version,) = (r for r in production.own if r.type.endswith(":SecretVersion"))
    assert is_secret(version.inputs["secretString"])
    assert unsealed(version.inputs["secretString"]) == "AGE-SECRET-KEY-1IDENTITY"
    assert not production.told.secrets, "whom backups are encrypted to is no secret"


def test_a_stack_that_takes_over_an_earlier_ones_backups_opens_those_too() -> None:
    earlier = f"AGE-SECRET-KEY-1{'Q' * 58}"
    backups = {"bucket": "nuggetwise-backups", "copy_bucket": "nuggetwise-backups-copy", "earlier_identities": earlier}
    (version,) = (r for r in Declared(cloud_settings(backups=backups)).own if r.type.endswith(":SecretVersion"))
    assert is_secret(version.inputs["secretString"])
    assert unsealed(version.inputs["secretString"]).split() == ["AGE-SECRET-KEY-1IDENTITY", earlier]


def test_production_is_protected_until_the_glass_is_broken() -> None:
    for stack, protected in (
        (cloud_settings(), True),
        (cloud_settings("staging"), False),
        (cloud_settings(break_glass=True), False),
    ):
        declared = Declared(stack)
        # A version of a secret is replaced by another value's, and stays at AWS all the same.
        replaced = [r for r in declared.own if r.type.endswith(":SecretVersion")]
        assert [r.protected for r in replaced] == [False]
        assert {r.protected for r in declared.own if r not in replaced} == {protected}
        (pair,) = (r for r in declared.resources if r.type.endswith(":AgeKey"))
        assert pair.protected is protected


@given(NAMES)
def test_a_bucket_policy_allows_nothing_to_everybody(name: str) -> None:
    arn = f"arn:aws:s3:::{name}"
    logs = policies.receives_access_logs(arn, ACCOUNT, "source")
    for statement in policies.document(arn, [logs])["Statement"]:
        assert statement["Effect"] == "Deny" or statement["Principal"] != "*"
        resources = [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
        assert all(resource in (arn, f"{arn}/*") for resource in resources)


@given(NAMES, NAMES, ACCOUNTS)
def test_the_copying_role_is_s3s_alone_and_deletes_nothing(here: str, there: str, account: str) -> None:
    source = replication.Side(here, "eu-central-1", f"arn:aws:kms:eu-central-1:{account}:key/1")
    copy = replication.Side(there, "eu-west-1", f"arn:aws:kms:eu-west-1:{account}:key/1")
    (trusted,) = replication.trust(account, here)["Statement"]
    assert trusted["Principal"] == {"Service": "s3.amazonaws.com"}
    assert trusted["Condition"]["ArnLike"] == {"aws:SourceArn": source.arn}
    known = {each for side in (source, copy) for each in (side.arn, f"{side.arn}/*", side.key_arn)}
    for statement in replication.permissions(source, copy)["Statement"]:
        actions: list[str] = statement["Action"]
        assert not [action for action in actions if "Delete" in action or "*" in action]
        assert statement["Resource"] in known
        if any(action.startswith("kms:") for action in actions):
            side = source if actions == ["kms:Decrypt"] else copy
            assert statement["Resource"] == side.key_arn
            assert statement["Condition"]["StringEquals"] == {"kms:ViaService": f"s3.{side.region}.amazonaws.com"}
