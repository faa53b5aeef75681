import json
from typing import Any

from pulumi_policy import PolicyResource

from policies import s3
from policies.place import BOOTSTRAP

from ..declared import UNKNOWN, Case, Sample, declared, root

BUCKET = declared(s3.BUCKET, "backups")
LOGS = declared(s3.BUCKET, "backups-logs")
CLOSED = dict.fromkeys(s3.BLOCKS, True)
DENY_PLAIN: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::backups", "arn:aws:s3:::backups/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def allow(principal: Any, *actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": "*", **more}


def policy(*statements: dict[str, Any]) -> PolicyResource:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return declared(s3.POLICY, "backups", {"policy": document}, bucket=BUCKET)


def block(**changes: bool) -> PolicyResource:
    return declared(s3.BLOCK, "backups", {**CLOSED, **changes}, bucket=BUCKET)


def acl(**props: Any) -> PolicyResource:
    return declared(s3.ACL, "backups", props, bucket=BUCKET)


def grant(permission: str) -> PolicyResource:
    grants = [{"grantee": {"type": "Group", "uri": s3.EVERYBODY[0]}, "permission": permission}]
    return acl(accessControlPolicy={"grants": grants, "owner": {"id": "a"}})


def lifecycle(status: str) -> PolicyResource:
    return declared(s3.LIFECYCLE, "backups", {"rules": [{"id": "old", "status": status}]}, bucket=BUCKET)


def versioning(status: str) -> PolicyResource:
    return declared(s3.VERSIONING, "backups", {"versioningConfiguration": {"status": status}}, bucket=BUCKET)


def account_block(**changes: bool) -> PolicyResource:
    return declared(s3.ACCOUNT_BLOCK, "account", {**CLOSED, **changes})


PRIVATE = "arn:aws:iam::123456789012:role/backups"
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
ANY_SOURCE = {"StringLike": {"aws:Referer": "*"}}


def closed(action: str, public_acl: str, permission: str) -> Case:
    """The cases of S3.2 and S3.3, which differ in what is done only."""
    return Case(
        [
            [BUCKET],
            [BUCKET, block(), policy(allow("*", action)), acl(acl=public_acl)],
            [BUCKET, policy(allow({"AWS": PRIVATE}, action))],
            [BUCKET, policy(allow("*", action, Condition=ORGANIZATION))],
            [BUCKET, policy(allow("*", "s3:GetBucketLocation"))],
            # The policy's text is not known before the bucket is there, nor is it needed with such a block.
            [BUCKET, block(), declared(s3.POLICY, "backups", {"policy": UNKNOWN}, bucket=BUCKET)],
        ],
        [
            [BUCKET, policy(allow("*", action))],
            [BUCKET, policy(allow({"AWS": ["*"]}, "s3:*"))],
            [BUCKET, policy(allow("*", action, Condition=ANY_SOURCE))],
            [BUCKET, block(restrictPublicBuckets=False), policy(allow("*", action))],
            [BUCKET, acl(acl=public_acl)],
            [BUCKET, block(ignorePublicAcls=False), grant(permission)],
        ],
    )


CASES = {
    "S3.1": Case(
        [[root()], [root(BOOTSTRAP), account_block()]],
        [[root(BOOTSTRAP)], [root(BOOTSTRAP), account_block(blockPublicPolicy=False)]],
    ),
    "S3.2": closed("s3:GetObject", "public-read", "READ"),
    "S3.3": closed("s3:PutObject", "public-read-write", "WRITE"),
    "S3.5": Case(
        [[BUCKET, policy(DENY_PLAIN)], [BUCKET, policy(allow(PRIVATE, "s3:*"), DENY_PLAIN)]],
        [
            [BUCKET],
            [BUCKET, policy(allow(PRIVATE, "s3:*"))],
            [BUCKET, policy(DENY_PLAIN | {"Action": "s3:GetObject"})],
            [BUCKET, policy(DENY_PLAIN | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}})],
            [LOGS, policy(DENY_PLAIN)],
        ],
    ),
    "S3.8": Case([[BUCKET, block()]], [[BUCKET], [BUCKET, block(blockPublicAcls=False)], [BUCKET, LOGS, block()]]),
    "S3.9": Case(
        [[BUCKET, LOGS, declared(s3.LOGGING, "backups", bucket=BUCKET, targetBucket=LOGS)]],
        [[BUCKET], [BUCKET, declared(s3.LOGGING, "others", bucket=LOGS, targetBucket=LOGS)]],
    ),
    "S3.10": Case(
        [[BUCKET], [BUCKET, versioning("Suspended")], [BUCKET, versioning("Enabled"), lifecycle("Enabled")]],
        [[BUCKET, versioning("Enabled")], [BUCKET, versioning("Enabled"), lifecycle("Disabled")]],
    ),
    "S3.12": Case(
        [
            [BUCKET],
            [acl(acl="private")],
            [declared(s3.OWNERSHIP, "backups", {"rule": {"objectOwnership": "BucketOwnerEnforced"}})],
        ],
        [
            [acl(acl="log-delivery-write")],
            [grant("READ")],
            [declared(s3.BUCKET, "backups", {"acl": "public-read"})],
            [declared(s3.OWNERSHIP, "backups", {"rule": {"objectOwnership": "ObjectWriter"}})],
        ],
    ),
    "S3.13": Case([[BUCKET, lifecycle("Enabled")]], [[BUCKET], [BUCKET, lifecycle("Disabled")]]),
}


def whole() -> Sample:
    """A bucket with all that belongs to it, as a preview knows it before anything exists."""
    unknown = declared(s3.POLICY, "backups", {"policy": UNKNOWN}, bucket=BUCKET)
    logging = declared(s3.LOGGING, "backups", bucket=BUCKET, targetBucket=LOGS)
    return [BUCKET, block(), unknown, versioning("Enabled"), lifecycle("Enabled"), logging]
