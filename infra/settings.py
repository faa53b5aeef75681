"""Stack settings: `Pulumi.<stack>.yaml` as one validated, immutable value.

Everything else takes values of these types; nothing but `load` reads Pulumi's configuration.
"""

import difflib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import pulumi
import pulumi.runtime.config as runtime_config
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

PROJECT = "nuggetwise"

# Names that only production may carry; a staging stack that claims one would fight it for DNS, data or backups.
PRODUCTION_NAMES = frozenset(
    {"api.nuggetwise.com", "nuggetwise.com", "www.nuggetwise.com", "nuggetwise-backups", "nuggetwise-backups-copy"}
)

# PostgreSQL keeps `superuser_reserved_connections` (3) back; the migrations step and the upkeep jobs need a few more.
RESERVED_CONNECTIONS = 10

Hostname = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")]
# The rules that every S3 implementation accepts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
StackName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


def _sealed(value: Any) -> Any:
    """Read from the file, as `make up` does before the engine starts, a secret is still encrypted."""
    return value["secure"] if isinstance(value, dict) and value.keys() == {"secure"} else value


Secret = Annotated[SecretStr, BeforeValidator(_sealed)]


class SettingsError(pulumi.RunError):
    """The settings of a stack are wrong. The text names the file, the key and the fix, one line per mistake."""


class Section(BaseModel):
    """One block of settings: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Api(Section):
    """How the API runs."""

    replicas: int = Field(default=3, ge=1, le=12, description="a whole number from 1 to 12")
    max_replicas: int | None = Field(
        default=None, ge=1, le=12, description="a whole number from 1 to 12, at least `replicas`"
    )
    pool_size: int = Field(default=10, ge=1, le=50, description="database connections per replica, from 1 to 50")
    hostname: Hostname | None = Field(default=None, description="a host name such as api-staging.nuggetwise.com")


class Database(Section):
    """Where PostgreSQL runs."""

    kind: Literal["container", "rds"] = Field(description="container (dev) or rds (staging, production)")
    max_connections: int = Field(default=100, ge=20, le=5000, description="a whole number from 20 to 5000")


class Cache(Section):
    """Where Valkey runs."""

    kind: Literal["container", "elasticache"] = Field(
        description="container (dev) or elasticache (staging, production)"
    )


class RateLimits(Section):
    """How many requests one client address may send in 15 minutes."""

    api: int = Field(default=100, ge=1, description="requests per address and 15 minutes on /api/, at least 1")
    auth: int = Field(default=5, ge=1, description="requests per address and 15 minutes on /api/auth/, at least 1")


class Backups(Section):
    """Where backups are kept."""

    bucket: BucketName = Field(description="3 to 63 lower-case letters, digits and hyphens")
    copy_bucket: BucketName | None = Field(default=None, description="a bucket name in the second region")


class Aws(Section):
    """Where the cloud environments run."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="an AWS region such as eu-central-1")
    copy_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="a second AWS region such as eu-west-1")


class Plan(Section):
    """What a plan allows."""

    monthly_generations: int = Field(ge=0, le=1_000_000, description="component generations per calendar month (UTC)")


class PaidPlan(Plan):
    """What a plan allows, and what Stripe sells it for."""

    stripe_price: str | None = Field(
        default=None,
        pattern=r"^price_\w+(,price_\w+)*$",
        description="the id of a price at Stripe (price_...); earlier ones that some still pay follow, comma-separated",
    )


class Plans(Section):
    """What people may pay for."""

    free: Plan = Plan(monthly_generations=10)
    pro: PaidPlan = PaidPlan(monthly_generations=500)


class Keys(Section):
    """Our keys at other people's services, all of them secrets of the stack."""

    stripe_secret_key: Secret = Field(description="Stripe's secret key (sk_...)")
    stripe_webhook_secret: Secret = Field(description="the signing secret of Stripe's webhook endpoint (whsec_...)")
    v0_api_key: Secret = Field(description="an API key of v0")


class Settings(Section):
    """All settings of a stack. `name` is the stack's own name, everything else stands in its file."""

    name: StackName
    environment: Literal["dev", "staging", "production"] = Field(description="dev, staging or production")
    port: int | None = Field(
        default=None, ge=1024, le=65532, description="the first of four loopback ports, from 1024 to 65532 (dev only)"
    )
    frontend_url: str = Field(pattern=r"^https?://[^/\s]+$", description="an origin such as https://nuggetwise.com")
    api: Api = Api()
    database: Database
    cache: Cache
    backups: Backups
    sentry_dsn: Secret | None = Field(default=None, description="Sentry's DSN, set with --secret")
    sentry_traces_sample_rate: float = Field(default=1.0, ge=0, le=1, description="a number from 0 to 1")
    plans: Plans = Plans()
    keys: Keys | None = None
    """Without them a dev stack runs fakes of Stripe and v0."""
    rate_limits: RateLimits = RateLimits()
    aws: Aws | None = None

    @model_validator(mode="after")
    def check_what_must_hold_together(self) -> "Settings":
        problems = [*self._wrong_kinds(), *self._production_names(), *self._too_many_connections()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _wrong_kinds(self) -> list[str]:
        problems: list[str] = []
        dev = self.environment == "dev"
        if (self.database.kind == "container") is not dev:
            problems.append(f"database.kind: {self.database.kind} does not go with environment {self.environment}")
        if (self.cache.kind == "container") is not dev:
            problems.append(f"cache.kind: {self.cache.kind} does not go with environment {self.environment}")
        if dev and self.port is None:
            problems.append("port: is missing; a dev stack needs one, e.g. port: 8080")
        if not dev and self.port is not None:
            problems.append("port: only a dev stack publishes a port on this machine; remove the key")
        if not dev and self.aws is None:
            problems.append(f"aws: is missing; {self.environment} needs aws.region and aws.copy_region")
        if not dev and self.api.hostname is None:
            problems.append(f"api.hostname: is missing; {self.environment} needs the API's public name")
        if self.keys and self.plans.pro.stripe_price is None:
            problems.append("plans.pro.stripe_price: is missing; with keys of Stripe it must be the price to sell")
        if self.aws and self.aws.region == self.aws.copy_region:
            problems.append("aws.copy_region: is the same as aws.region; a copy must survive the loss of a region")
        if self.api.max_replicas is not None and self.api.max_replicas < self.api.replicas:
            problems.append("api.max_replicas: is below api.replicas; raise it or lower api.replicas")
        return problems

    def _production_names(self) -> list[str]:
        if self.environment == "production":
            return []
        claimed = {
            "api.hostname": self.api.hostname,
            "backups.bucket": self.backups.bucket,
            "backups.copy_bucket": self.backups.copy_bucket,
            "frontend_url": self.frontend_url.split("://")[1],
        }
        return [
            f"{key}: {name} belongs to production; give {self.environment} a name of its own"
            for key, name in claimed.items()
            if name in PRODUCTION_NAMES
        ]

    def _too_many_connections(self) -> list[str]:
        # During a deploy the old and the new replicas hold their pools at the same time.
        replicas = self.api.max_replicas or self.api.replicas
        wanted = replicas * 2 * self.api.pool_size + RESERVED_CONNECTIONS
        if wanted <= self.database.max_connections:
            return []
        return [
            f"api.pool_size: {replicas} replicas x 2 (during a deploy) x {self.api.pool_size} connections "
            f"+ {RESERVED_CONNECTIONS} reserved = {wanted}, above database.max_connections "
            f"({self.database.max_connections}); lower api.pool_size or raise database.max_connections"
        ]


def parse(stack: str, config: Mapping[str, Any]) -> Settings:
    """Settings of `stack` from Pulumi's raw configuration, whose keys are `namespace:key` and whose values are text.

    Raises SettingsError naming the file, the keys and the fixes.
    """
    file = f"Pulumi.{stack}.yaml"
    values: dict[str, Any] = {"name": stack}
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if namespace == PROJECT and name != "name":
            values[name] = _decoded(value)
        elif namespace == PROJECT:
            raise SettingsError(f"{file}: {key}: a stack's name is not a setting; it is chosen with `-s` or STACK=")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [line for detail in error.errors() for line in _explained(file, dict(detail))]
        raise SettingsError("\n".join(lines)) from None


def load() -> Settings:
    """Settings of the stack that this program runs for."""
    stack, keys = pulumi.get_stack(), f"{PROJECT}:keys"
    config = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    # Each language host tells in one of these ways which keys are secret.
    known_secret = runtime_config.is_config_secret(keys) or keys in runtime_config.get_config_secret_keys_env()
    if keys in config and not known_secret:
        raise SettingsError(
            f"Pulumi.{stack}.yaml: {keys}: stands there in clear; remove it, replace the keys at Stripe and v0, and "
            f"use `pulumi config set --secret --path '{keys}.v0_api_key'` and the like"
        )
    return parse(stack, config)


def _decoded(value: Any) -> Any:
    """Pulumi hands structured values over as JSON text and plain ones as they are."""
    if isinstance(value, str) and re.match(r"^\s*[\[{]", value):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _explained(file: str, error: dict[str, Any]) -> list[str]:
    path = [str(part) for part in error["loc"]]
    if not path:  # from check_what_must_hold_together, which says all of it itself
        return [f"{file}: {PROJECT}:{line}" for line in str(error["ctx"]["error"]).splitlines()]
    key = f"{file}: {PROJECT}:{'.'.join(path)}" if path != ["name"] else f"stack name {error['input']!r}"
    if error["type"] == "missing":
        return [f"{key}: is missing; set it to {_described(path)}"]
    if error["type"] == "extra_forbidden":
        known = _known(path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        return [f"{key}: unknown setting; {hint}"]
    shown = "what stands there" if path[0] in ("keys", "sentry_dsn") else json.dumps(error["input"], default=str)
    return [f"{key}: {shown} is not right; it must be {_described(path)}"]


def _section(path: list[str]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for part in path:
        annotation = model.model_fields[part].annotation
        options = [annotation, *get_args(annotation)]
        model = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    return model


def _known(path: list[str]) -> list[str]:
    return [name for name in _section(path).model_fields if name != "name"]


def _described(path: list[str]) -> str:
    field = _section(path[:-1]).model_fields[path[-1]]
    if field.description:
        return field.description
    if path == ["name"]:
        return "a lower-case letter, then at most 30 lower-case letters, digits and hyphens"
    return "a block with " + ", ".join(_known(path))
