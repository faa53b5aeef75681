import json
from typing import Any

from policies import kms

from ..declared import Case, Sample, declared

OURS = "arn:aws:kms:eu-central-1:123456789012:key/1"


def document(*actions: str, resource: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def samples(kind: str) -> Case:
    """The cases of KMS.1 and KMS.2, which differ in the kind of policy only."""

    def policy(text: str) -> Sample:
        return [declared(kind, "policy", {"policy": text})]

    return Case(
        [
            policy(document("kms:Decrypt", resource=OURS)),
            policy(document("kms:Decrypt", resource="arn:aws:kms:eu-central-1:123456789012:key/*")),
            policy(document("kms:Encrypt")),
            policy(document("s3:*")),
            policy(document("kms:Decrypt", Effect="Deny")),
            policy(document("kms:Decrypt", resource="arn:aws:s3:::backups/*")),
        ],
        [
            policy(document("kms:Decrypt")),
            policy(document("s3:GetObject", "KMS:decrypt")),
            policy(document("kms:*")),
            policy(document("kms:ReEncrypt*")),
            policy(document("*")),
            policy(document("kms:Decrypt", resource=[OURS, "arn:aws:kms:*:123456789012:key/*"])),
            policy(document("kms:Decrypt", Condition={"StringEquals": {"kms:ViaService": "s3.amazonaws.com"}})),
            policy(json.dumps({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}})),
            policy(json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "NotResource": OURS}})),
        ],
    )


def role(text: str) -> Sample:
    return [declared(kms.ROLE, "role", {"inlinePolicies": [{"name": "a", "policy": text}]})]


INLINE = samples(kms.INLINE_POLICIES[0])


def key(kind: str = kms.KEY, **props: Any) -> Sample:
    return [declared(kind, "data", props)]


CASES = {
    "KMS.1": samples(kms.MANAGED_POLICY),
    "KMS.2": Case(
        [*INLINE.passes, [declared(kms.ROLE, "role")], role(document("kms:Decrypt", resource=OURS))],
        [*INLINE.fails, role(document("kms:Decrypt"))],
    ),
    "KMS.3": Case(
        [key(), key(deletionWindowInDays=30.0), key(kms.REPLICA, deletionWindowInDays=30.0)],
        [key(deletionWindowInDays=7.0), key(kms.REPLICA, deletionWindowInDays=29.0)],
    ),
    "KMS.4": Case(
        [key(enableKeyRotation=True), key(customerMasterKeySpec="RSA_4096"), key(kms.REPLICA)],
        [key(), key(enableKeyRotation=False)],
    ),
}
