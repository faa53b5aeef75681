"""Settings of the bootstrap stack: `bootstrap/Pulumi.global.yaml` as one validated, immutable value."""

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi.runtime.config as runtime_config
from pydantic import BaseModel, Field, ValidationError, model_validator

from infra import offers
from infra.settings import Hostname, Section, SettingsError

PROJECT = "nuggetwise-bootstrap"

REGION = r"^[a-z]{2}(-[a-z]+)+-\d$"

# Cloudflare's provider reads its token from this variable, and so does origin_pull_deployment.
CLOUDFLARE_TOKEN = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the variable's name

# The stacks that deploy roles and permissions are made for.
ENVIRONMENTS = ("staging", "production")


class Aws(Section):
    """The account that everything is in."""

    account: str = Field(pattern=r"^\d{12}$", description="the AWS account's number, 12 digits")
    region: str = Field(pattern=REGION, description="an AWS region such as eu-central-1")
    copy_region: str = Field(pattern=REGION, description="a second AWS region such as eu-west-1")


class GitHub(Section):
    """Whose workflows may take the roles. Other code in the same organization may not."""

    # Repositories made or renamed since 2026-07-15 say their ids in the token's subject:
    # https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
    repository: str = Field(
        pattern=r"^([\w.-]+/[\w.-]+|[\w.-]+@\d+/[\w.-]+@\d+)$",
        description="the repository as GitHub's tokens name it: owner@1234/name@5678, or owner/name of an older one",
    )


class PlanFeatures(Section):
    """What the zone's Cloudflare plan includes beyond the free one. https://www.cloudflare.com/plans/"""

    waf_managed_rules: bool = Field(
        default=False, description="true or false: Cloudflare's and OWASP's managed rules, from Pro on"
    )
    rate_limit_by_host: bool = Field(
        default=False, description="true or false: the rate limit sees host names, from Pro on"
    )


class Cloudflare(Section):
    """The zone, and the hosts in it that Cloudflare proxies to our load balancers."""

    zone: Hostname = Field(description="the zone's name, such as nuggetwise.com")
    zone_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="the zone's id (its overview page shows it)")
    api_hosts: tuple[Hostname, ...] = Field(min_length=1, description="a list of host names such as api.nuggetwise.com")
    rate_limit: int | None = Field(
        default=None,
        ge=1,
        description="requests on /api/ per address, Cloudflare data centre and 10 seconds; at least 1",
    )
    plan_features: PlanFeatures = PlanFeatures()


class Watch(Section):
    """Who is told of what."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", description="the address that alarms are sent to")
    log_days: int = Field(default=365, description="days that the trail's log is kept, one of those CloudWatch offers")


class Settings(Section):
    """All settings of the stack."""

    aws: Aws
    github: GitHub
    cloudflare: Cloudflare
    watch: Watch

    @model_validator(mode="after")
    def check_what_must_hold_together(self) -> "Settings":
        problems = [
            f"cloudflare.api_hosts: {host} is not in the zone {self.cloudflare.zone} (cloudflare.zone)"
            for host in self.cloudflare.api_hosts
            if not host.endswith(f".{self.cloudflare.zone}")
        ]
        if self.aws.region == self.aws.copy_region:
            problems.append("aws.copy_region: is the same as aws.region; a copy must survive the loss of a region")
        if self.cloudflare.plan_features.rate_limit_by_host and self.cloudflare.rate_limit is None:
            problems.append("cloudflare.plan_features.rate_limit_by_host: there is no cloudflare.rate_limit to scope")
        if self.watch.log_days not in offers.LOG_RETENTION:
            days = ", ".join(map(str, sorted(offers.LOG_RETENTION)))
            problems.append(
                f"watch.log_days: CloudWatch does not keep logs {self.watch.log_days} days; it offers {days}"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self


def load() -> Settings:
    """Settings of the stack that this program runs for.

    Raises SettingsError with everything that is wrong or missing, Cloudflare's token included.
    """
    config = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    return parse(pulumi.get_stack(), config, os.environ)


def parse(stack: str, config: Mapping[str, Any], variables: Mapping[str, str]) -> Settings:
    """Settings of `stack` from Pulumi's raw configuration and the environment's variables.

    Raises SettingsError, one line per mistake, each with the file, the key and the fix.
    """
    # A block that is not there at all stands for an empty one, so that each value it must hold is told.
    values: dict[str, Any] = {name: {} for name in Settings.model_fields}
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if namespace == PROJECT:
            values[name] = _decoded(value)
    problems: list[str] = []
    settings = None
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems = [line for detail in error.errors() for line in _explained(stack, dict(detail))]
    if not variables.get(CLOUDFLARE_TOKEN):
        problems.append(
            f"{CLOUDFLARE_TOKEN}: is missing; `export {CLOUDFLARE_TOKEN}=...` sets it to a token of Cloudflare that "
            "may edit the zone's settings, certificates, cache rules and firewall (docs/bootstrap.md)"
        )
    if settings is None or problems:
        raise SettingsError("\n".join(problems))
    return settings


def set_command(stack: str, key: str) -> str:
    """The command that sets `key` (`aws.account`)."""
    return f"pulumi config set -C bootstrap -s {stack} --path {PROJECT}:{key}"


def _decoded(value: Any) -> Any:
    """Pulumi hands structured values over as JSON text and plain ones as they are."""
    try:
        return json.loads(value) if isinstance(value, str) and value.lstrip().startswith(("{", "[")) else value
    except json.JSONDecodeError:
        return value


def _explained(stack: str, error: dict[str, Any]) -> list[str]:
    file = f"bootstrap/Pulumi.{stack}.yaml: {PROJECT}"
    path = [str(part) for part in error["loc"]]
    if not path:  # from check_what_must_hold_together, which says all of it itself
        return [f"{file}:{line}" for line in str(error["ctx"]["error"]).splitlines()]
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        known = sorted(_block(path[:-1]).model_fields)
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return [f"{file}:{key}: unknown setting; {hint}"]
    fix = f"`{set_command(stack, key)}` sets it to {_described(path)}"
    if error["type"] == "missing":
        return [f"{file}:{key}: is missing; {fix}"]
    return [f"{file}:{key}: {json.dumps(error['input'], default=str)} is not right; {fix}"]


def _block(path: Sequence[str]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for part in path:
        annotation = model.model_fields[part].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)  # every block of these settings is one, and none is optional
        model = annotation
    return model


def _described(path: Sequence[str]) -> str:
    for depth, part in enumerate(path):
        description = _block(path[:depth]).model_fields[part].description
        if description:  # of a list it is said once, not for each of its places
            return description
    return "a block with " + ", ".join(sorted(_block(path).model_fields))
