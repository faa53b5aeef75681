"""Stack outputs: the same names in every environment. What CI, smoke tests and one-off jobs read."""

import json
from typing import Any

import pulumi
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

MASKED = "[secret]"


class OutputsError(Exception):
    """The outputs of a stack cannot be used as they are; the text says which and what to do."""


class StackOutputs(BaseModel):
    """What a deployed stack says of itself. An output that makes no sense in an environment is None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: str
    api_url: str
    health_url: str
    frontend_url: str
    app_version: str
    image: str
    schema_revision: str
    database_url: SecretStr
    redis_url: SecretStr
    backup_bucket: str
    cluster: str | None = None
    ops_task: str | None = None
    subnets: list[str] | None = None
    security_group: str | None = None
    log_group: str | None = None
    metrics_url: str | None = None
    # By image, the tag that this stack itself built and published; the next `up` goes by it (infra/image/aws.py).
    published_tags: dict[str, str] | None = None
    # What an operator asks for when the migrations step is in doubt.
    migration_exit_code: int | None = None
    migration_log: str | None = None
    object_store_url: str | None = None
    object_store_ca: str | None = None


def parse(document: str) -> StackOutputs:
    """Outputs from `pulumi stack output --json --show-secrets`.

    Raises OutputsError when one is missing, unknown, ill-typed, or a secret that was left masked.
    """
    try:
        values: dict[str, Any] = json.loads(document)
    except json.JSONDecodeError as error:
        raise OutputsError(f"stack outputs are not JSON ({error}); use `pulumi stack output --json`") from None
    masked = sorted(name for name, value in values.items() if value == MASKED)
    if masked:
        raise OutputsError(
            f"stack outputs {', '.join(masked)} arrived as the literal {MASKED}; read them with --show-secrets"
        )
    try:
        return StackOutputs.model_validate(values)
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise OutputsError(f"stack outputs do not fit: {what}; deploy the stack with this release first") from None


def export(**outputs: pulumi.Input[Any]) -> None:
    """Exports outputs under the names of StackOutputs; another name is a mistake of the program."""
    unknown = outputs.keys() - StackOutputs.model_fields.keys()
    if unknown:
        raise TypeError(f"not stack outputs: {', '.join(sorted(unknown))}")
    for name, value in outputs.items():
        pulumi.export(name, value)
