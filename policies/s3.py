"""Buckets: https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pulumi_policy import PolicyResource, Severity

from policies import documents
from policies.control import STACK, Control, Props, ResourceControl, Stack, StackControl, at
from policies.place import declares_the_account

BUCKET = "aws:s3/bucket:Bucket"
ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ACL = "aws:s3/bucketAcl:BucketAcl"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
EVERYBODY = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)


@dataclass(frozen=True)
class Access:
    """A kind of access: the actions that are it, and the ACLs and grants that give it."""

    name: str
    actions: tuple[str, ...]
    acls: frozenset[str]
    permissions: frozenset[str]


READ = Access(
    "read",
    ("s3:GetObject", "s3:ListBucket"),
    frozenset({"public-read", "public-read-write", "authenticated-read"}),
    frozenset({"READ", "READ_ACP", "FULL_CONTROL"}),
)
WRITE = Access(
    "write",
    ("s3:PutObject", "s3:DeleteObject"),
    frozenset({"public-read-write"}),
    frozenset({"WRITE", "WRITE_ACP", "FULL_CONTROL"}),
)


def account_blocks_public_access(root: PolicyResource, stack: Stack) -> str | None:
    """The setting is the account's, so only the stack that declares what an account has once must have it."""
    blocks = stack.of(ACCOUNT_BLOCK)
    if not blocks:
        return "the account's public access block is not declared" if declares_the_account(root.urn) else None
    return next(filter(None, (_gaps(block.props) for block in blocks)), None)


def _gaps(block: Props) -> str | None:
    gaps = [key for key in BLOCKS if block.get(key) is not True]
    return f"{', '.join(f'`{key}`' for key in gaps)} of the public access block is not true" if gaps else None


def blocks_public_access(bucket: PolicyResource, stack: Stack) -> str | None:
    blocks = stack.attached(bucket, BLOCK, "bucket")
    return _gaps(blocks[0].props) if blocks else "it has no public access block"


def closed_to_everybody(access: Access) -> Callable[[PolicyResource, Stack], str | None]:
    """A check that neither an ACL nor the policy lets everybody in, or that the bucket's block undoes it."""

    def check(bucket: PolicyResource, stack: Stack) -> str | None:
        blocks = [block.props for block in stack.attached(bucket, BLOCK, "bucket")]
        if not _has(blocks, "ignorePublicAcls") and _acl_allows(bucket, stack, access):
            return f"its ACL lets everybody {access.name}"
        if not _has(blocks, "restrictPublicBuckets") and _policy_allows(bucket, stack, access):
            return f"its policy lets everybody {access.name}"
        return None

    return check


def _has(blocks: list[Props], key: str) -> bool:
    return any(block.get(key) is True for block in blocks)


def _policy_allows(bucket: PolicyResource, stack: Stack, access: Access) -> bool:
    found = filter(documents.is_public, _statements(bucket, stack))
    return any(documents.concerns(statement, access.actions) for statement in found)


def _acl_allows(bucket: PolicyResource, stack: Stack, access: Access) -> bool:
    acls = [bucket.props, *(acl.props for acl in stack.attached(bucket, ACL, "bucket"))]
    if any(acl.get("acl") in access.acls for acl in acls):
        return True
    granted = [grant for acl in acls for grant in at(acl, "accessControlPolicy.grants") or ()]
    return any(at(g, "grantee.uri") in EVERYBODY and g.get("permission") in access.permissions for g in granted)


def _statements(bucket: PolicyResource, stack: Stack) -> Iterator[documents.Statement]:
    for policy in stack.attached(bucket, POLICY, "bucket"):
        yield from documents.statements(policy.props["policy"])


def tls_only(bucket: PolicyResource, stack: Stack) -> str | None:
    if any(map(_denies_plain, _statements(bucket, stack))):
        return None
    return "no policy of it denies what comes without TLS"


def _denies_plain(statement: documents.Statement) -> bool:
    secure = at(statement, "Condition.Bool.aws:SecureTransport")
    everybody = statement.get("Principal") in ("*", {"AWS": "*"})
    everything = any(action in ("s3:*", "*") for action in documents.listed(statement.get("Action")))
    return statement.get("Effect") == "Deny" and everybody and everything and str(secure).lower() == "false"


def logged(bucket: PolicyResource, stack: Stack) -> str | None:
    # AWS leaves out the bucket that the others' logs go to: its own would be a log of logging.
    if stack.attached(bucket, LOGGING, "bucket") or stack.attached(bucket, LOGGING, "targetBucket"):
        return None
    return "no server access logging is declared for it"


def has_lifecycle(bucket: PolicyResource, stack: Stack) -> str | None:
    rules = [rule for found in stack.attached(bucket, LIFECYCLE, "bucket") for rule in found.props.get("rules") or ()]
    return None if any(rule.get("status") == "Enabled" for rule in rules) else "no lifecycle rule of it is enabled"


def old_versions_expire(bucket: PolicyResource, stack: Stack) -> str | None:
    versionings = stack.attached(bucket, VERSIONING, "bucket")
    kept = any(at(versioning.props, "versioningConfiguration.status") == "Enabled" for versioning in versionings)
    return has_lifecycle(bucket, stack) if kept else None


def without_acls(props: Props) -> str | None:
    """A bucket, an ACL, or the controls of a bucket's ownership, which switch ACLs off."""
    if at(props, "rule.objectOwnership") not in (None, "BucketOwnerEnforced"):
        return "`objectOwnership` is not BucketOwnerEnforced, so ACLs count"
    if props.get("acl") not in (None, "private") or props.get("accessControlPolicy"):
        return "access to it is given by an ACL"
    return None


CONTROLS: tuple[Control, ...] = (
    StackControl(
        id="S3.1",
        title="The account blocks public access to buckets",
        severity=Severity.MEDIUM,
        types=(STACK,),
        check=account_blocks_public_access,
        reason="One bucket made by hand, with one wrong policy, would be open to everybody.",
        fix="declare an `aws.s3.AccountPublicAccessBlock` with all four settings true.",
    ),
    StackControl(
        id="S3.2",
        title="Not everybody may read a bucket",
        severity=Severity.CRITICAL,
        types=(BUCKET,),
        check=closed_to_everybody(READ),
        reason="Backups and logs would be public.",
        fix="name who may read, and declare an `aws.s3.BucketPublicAccessBlock`.",
    ),
    StackControl(
        id="S3.3",
        title="Not everybody may write to a bucket",
        severity=Severity.CRITICAL,
        types=(BUCKET,),
        check=closed_to_everybody(WRITE),
        reason="Strangers could replace backups, or store what they like at our cost.",
        fix="name who may write, and declare an `aws.s3.BucketPublicAccessBlock`.",
    ),
    StackControl(
        id="S3.5",
        title="A bucket is spoken to by TLS only",
        severity=Severity.MEDIUM,
        types=(BUCKET,),
        check=tls_only,
        reason="What is stored would cross the network in clear.",
        fix="have its `aws.s3.BucketPolicy` deny `s3:*` to everybody where `aws:SecureTransport` is false.",
    ),
    StackControl(
        id="S3.8",
        title="A bucket blocks public access",
        severity=Severity.HIGH,
        types=(BUCKET,),
        check=blocks_public_access,
        reason="One wrong policy or ACL would open it to everybody.",
        fix="declare an `aws.s3.BucketPublicAccessBlock` with the bucket's id and all four settings true.",
    ),
    StackControl(
        id="S3.9",
        title="A bucket logs who asks for what",
        severity=Severity.MEDIUM,
        types=(BUCKET,),
        check=logged,
        reason="Nobody could say afterwards who had read or deleted what.",
        fix="declare an `aws.s3.BucketLogging` with the bucket's id and a log bucket of the same region.",
    ),
    StackControl(
        id="S3.10",
        title="A versioned bucket has a lifecycle",
        severity=Severity.MEDIUM,
        types=(BUCKET,),
        check=old_versions_expire,
        reason="Versions that nobody wants any more would be kept, and paid for, for ever.",
        fix="declare an `aws.s3.BucketLifecycleConfiguration` with an enabled rule for noncurrent versions.",
    ),
    ResourceControl(
        id="S3.12",
        title="Access to a bucket is not given by ACLs",
        severity=Severity.MEDIUM,
        types=(BUCKET, ACL, OWNERSHIP),
        check=without_acls,
        reason="ACLs give access that no policy shows.",
        fix="use policies, and leave the bucket's ownership at BucketOwnerEnforced.",
    ),
    StackControl(
        id="S3.13",
        title="A bucket has a lifecycle",
        severity=Severity.LOW,
        types=(BUCKET,),
        check=has_lifecycle,
        reason="What is never deleted is data that can leak, and a bill that grows.",
        fix="declare an `aws.s3.BucketLifecycleConfiguration` with an enabled rule.",
    ),
)
