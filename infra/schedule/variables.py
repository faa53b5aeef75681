"""What every job is told by its environment, wherever it runs (jobs/ reads it)."""

from collections.abc import Mapping

import pulumi

from infra.database import API
from infra.database.external import role
from infra.settings import Settings

PREFIX = "database/"
"""Where in the bucket the backups of the database are."""

WORK = "/work"
"""Where downloads go, and the scratch server that a backup is restored into. The image declares it as a volume."""


def of_upkeep(settings: Settings) -> dict[str, str]:
    return {"USAGE_RETENTION_MONTHS": str(settings.usage.keep_months)}


def of_backups(
    settings: Settings, bucket: pulumi.Input[str], recipient: pulumi.Input[str]
) -> Mapping[str, pulumi.Input[str]]:
    """Where backups are, who can open them, and who is granted access where one is restored. None of it is secret."""
    url = settings.database.url
    external = url.get_secret_value() if url and settings.database.kind == "external" else None
    return {
        "API_ROLE": role(external) if external else API,
        "BACKUP_BUCKET": bucket,
        "BACKUP_PREFIX": PREFIX,
        "BACKUP_RECIPIENT": recipient,
        "WORK_DIR": WORK,
    }
