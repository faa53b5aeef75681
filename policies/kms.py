"""Keys: https://docs.aws.amazon.com/securityhub/latest/userguide/kms-controls.html

That no key is scheduled for deletion (KMS.3) is the state of an account. What can be declared is how long a deletion
may be taken back, and that is what is asked.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from pulumi_policy import Severity

from policies import documents
from policies.control import Control, Props, ResourceControl, must_be_true

KEY = "aws:kms/key:Key"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
MANAGED_POLICY = "aws:iam/policy:Policy"
INLINE_POLICIES = (
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
ROLE = "aws:iam/role:Role"

DECRYPTION = ("kms:Decrypt", "kms:ReEncryptFrom")
LONGEST_WINDOW = 30  # days, also AWS's default


def decrypts_everything(statements: Iterable[documents.Statement]) -> bool:
    """Whether any lets decrypt with all keys. Conditions do not count, by the controls' own words."""
    return any(s.get("Effect") == "Allow" and documents.concerns(s, DECRYPTION) and _on_all_keys(s) for s in statements)


def _on_all_keys(statement: documents.Statement) -> bool:
    return "NotResource" in statement or any(map(_is_all_keys, documents.listed(statement.get("Resource"))))


def _is_all_keys(resource: Any) -> bool:
    """All keys of one region are narrow enough for AWS; all keys of all regions are not."""
    if resource == "*":
        return True
    parts = str(resource).split(":", 5)
    if len(parts) < 6:
        return False
    _, _, service, region, _, key = parts
    return fnmatchcase("kms", service) and fnmatchcase("any", region) and fnmatchcase("key/any", key)


def narrow(props: Props) -> str | None:
    """A policy of its own, or a role with policies inline."""
    found = [props.get("policy"), *(inline.get("policy") for inline in props.get("inlinePolicies") or ())]
    if any(decrypts_everything(documents.statements(document)) for document in found if document):
        return "it allows decryption with all keys"
    return None


def deletion_can_be_taken_back(key: Props) -> str | None:
    days = key.get("deletionWindowInDays") or LONGEST_WINDOW
    return f"`deletionWindowInDays` is {days:.0f}, under {LONGEST_WINDOW}" if days < LONGEST_WINDOW else None


def rotated(key: Props) -> str | None:
    # KMS rotates no asymmetric and no HMAC keys.
    if key.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return None
    return must_be_true("enableKeyRotation")(key)


CONTROLS: tuple[Control, ...] = (
    ResourceControl(
        id="KMS.1",
        title="No managed policy allows decryption with all keys",
        severity=Severity.MEDIUM,
        types=(MANAGED_POLICY,),
        check=narrow,
        reason="Who holds it could read whatever is encrypted anywhere in the account.",
        fix="name the keys in `Resource`.",
    ),
    ResourceControl(
        id="KMS.2",
        title="No inline policy allows decryption with all keys",
        severity=Severity.MEDIUM,
        types=(*INLINE_POLICIES, ROLE),
        check=narrow,
        reason="Who holds it could read whatever is encrypted anywhere in the account.",
        fix="name the keys in `Resource`.",
    ),
    ResourceControl(
        id="KMS.3",
        title="A key's deletion can be taken back for as long as KMS offers",
        severity=Severity.CRITICAL,
        types=(KEY, REPLICA),
        check=deletion_can_be_taken_back,
        reason="With the key goes, for ever, all that it encrypted, backups included.",
        fix=f"leave `deletion_window_in_days` unset, or at {LONGEST_WINDOW}.",
    ),
    ResourceControl(
        id="KMS.4",
        title="A key is rotated every year",
        severity=Severity.MEDIUM,
        types=(KEY,),
        check=rotated,
        reason="A key that leaked would open all that will ever be encrypted.",
        fix="set `enable_key_rotation=True`; a replica follows its primary.",
    ),
)
