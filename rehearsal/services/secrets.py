"""The values behind the ARNs that a container definition names as its secrets."""

import json
from collections.abc import Callable

from rehearsal.cloud import Cloud

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"

# arn:aws:secretsmanager:<region>:<account>:secret:<name>, and behind it :<JSON key>:<stage>:<version id>
ARN_PARTS = 7


class Unresolved(Exception):
    """A task cannot start, since a secret is not there. The text is what ECS would give as the reason."""


class Secrets:
    """Reads secrets from the cloud. `managed` gives the value of one that RDS itself manages, if it is one."""

    def __init__(self, cloud: Cloud, managed: Callable[[str], dict[str, str] | None]) -> None:
        self._cloud = cloud
        self._managed = managed

    def value(self, value_from: str) -> str:
        """The value, whole or one key of it, of the newest version or of the one that is named. Raises Unresolved.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
        """
        parts = value_from.split(":")
        if parts[2:3] != ["secretsmanager"]:
            raise Unresolved(f"{value_from} is not in Secrets Manager; the rehearsal reads no other place")
        arn, (key, stage, version) = ":".join(parts[:ARN_PARTS]), [*parts[ARN_PARTS:], "", "", ""][:3]
        managed = self._managed(arn)
        text = json.dumps(managed) if managed else self._version(arn, stage or "AWSCURRENT", version)
        if not key:
            return text
        try:
            return str(json.loads(text)[key])
        except (ValueError, KeyError, TypeError):
            raise Unresolved(f"retrieved secret from Secrets Manager did not contain json key {key}") from None

    def _version(self, arn: str, stage: str, version: str) -> str:
        if not (secrets := self._cloud.find(SECRET, arn=arn)):
            raise Unresolved(f"ResourceNotFoundException: Secrets Manager can't find the specified secret: {arn}")
        for each in self._cloud.list(VERSION):
            wanted = each.outputs["versionId"] == version if version else stage in each.outputs["versionStages"]
            if wanted and each.outputs["secretId"] in (secrets[0].id, arn):
                return str(each.outputs["secretString"])
        what = f"VersionId: {version}" if version else f"staging label: {stage}"
        raise Unresolved(
            f"ResourceNotFoundException: Secrets Manager can't find the specified secret value for {what} ({arn})"
        )
