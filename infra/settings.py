"""Stack settings: `Pulumi.<stack>.yaml` as one validated, immutable value.

Everything else takes values of these types; nothing but `load` reads Pulumi's configuration.
"""

import difflib
import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

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
    field_validator,
    model_validator,
)

from infra import offers

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


def _database_url(value: Any) -> Any:
    """A sealed one is looked at when the engine has opened it."""
    if isinstance(value, str):
        url = urlsplit(value)
        # A character that is not encoded splits a password in two, and its second half becomes the host.
        whole = url.netloc.count("@") == 1 and url.username and url.hostname and len(url.path) > 1
        if url.scheme not in ("postgresql", "postgres") or not whole or url.port == 0:
            raise ValueError
    return _sealed(value)


def _cache_url(value: Any) -> Any:
    if isinstance(value, str):
        url = urlsplit(value)
        if url.scheme not in ("redis", "rediss") or not url.hostname or url.netloc.count("@") > 1 or url.port == 0:
            raise ValueError
    return _sealed(value)


def _age_identities(value: Any) -> Any:
    form = r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}"
    if isinstance(value, str) and not re.fullmatch(f"{form}( {form})*", value):
        raise ValueError
    return _sealed(value)


DatabaseUrl = Annotated[SecretStr, BeforeValidator(_database_url)]
CacheUrl = Annotated[SecretStr, BeforeValidator(_cache_url)]
AgeIdentities = Annotated[SecretStr, BeforeValidator(_age_identities)]


class SettingsError(pulumi.RunError):
    """The settings of a stack are wrong. The text names the file, the key and the fix, one line per mistake."""


class Section(BaseModel):
    """One block of settings: immutable, and a key it does not know is an error."""

    # `pulumi config set --path` writes an account's number as a number.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Api(Section):
    """How the API runs."""

    replicas: int = Field(default=3, ge=1, le=12, description="a whole number from 1 to 12")
    max_replicas: int | None = Field(
        default=None, ge=1, le=12, description="a whole number from 1 to 12, at least `replicas`"
    )
    pool_size: int = Field(default=10, ge=1, le=50, description="database connections per replica, from 1 to 50")
    ready_within: int = Field(
        default=300, ge=5, le=3600, description="seconds after which a deploy gives up that is not ready (dev only)"
    )
    hostname: Hostname | None = Field(default=None, description="a host name such as api-staging.nuggetwise.com")
    task_cpu: int = Field(default=512, description="CPU units of a Fargate task, such as 512 (half a core)")
    task_memory: int = Field(default=1024, description="MiB of a Fargate task, such as 1024")


class Restore(Section):
    """Where the data of a database come from that stands beside an earlier one.

    Read once, when that generation is made, and kept in the file as its record.
    """

    source: str = Field(
        pattern=r"^([a-z](-?[a-z0-9]+)*|db-[A-Z0-9]{20,40}|arn:aws:rds:[a-z0-9-]+:\d{12}:auto-backup:[\w-]+)$",
        description="an instance that is there (nuggetwise-production-database-1), the resource id of one that is gone "
        "and whose backups RDS keeps (db-ABC…), the ARN of backups in this region that were copied from another "
        "(arn:aws:rds:…:auto-backup:…), or nothing for an empty database",
    )
    time: str = Field(
        default="latest",
        pattern=r"^(latest|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)$",
        description='latest, or a time in UTC in quotes, such as "2026-11-24T12:00:00Z"',
    )

    @property
    def by(self) -> Literal["nothing", "identifier", "resource id", "ARN"]:
        """What the source is. Identifiers are lower-case, resource ids are not."""
        if self.source == "nothing":
            return "nothing"
        if self.source.startswith("arn:"):
            return "ARN"
        return "identifier" if self.source.islower() else "resource id"


class Database(Section):
    """Where PostgreSQL runs. One that lives elsewhere (`external`) brings its URLs."""

    kind: Literal["container", "rds", "external"] = Field(
        description="container (dev), rds (staging, production) or external"
    )
    max_connections: int = Field(default=100, ge=20, le=5000, description="a whole number from 20 to 5000")
    """Of an external database: how many connections its pooler takes from the API, or it itself where there is none."""
    generation: int = Field(
        default=1, ge=1, le=999, description="a whole number, one higher for each rebuild beside an earlier database"
    )
    restore: Restore | None = None
    """What a generation above the first begins with. The instance before it is left as it is."""
    instance_class: str = Field(default="db.t4g.small", description="an RDS instance class such as db.m7g.large")
    storage: int = Field(default=20, ge=20, le=16384, description="GiB to begin with, from 20 to 16384")
    max_storage: int = Field(
        default=100, ge=22, le=65536, description="GiB up to which RDS grows the storage by itself"
    )
    multi_az: bool = Field(default=False, description="true or false: a standby in a second zone")
    backup_days: int = Field(default=7, ge=1, le=35, description="days that RDS can go back to, from 1 to 35")
    backup_copy_days: int = Field(
        default=0, ge=0, le=35, description="days that RDS can go back to in the second region, from 1 to 35; 0: not"
    )
    url: DatabaseUrl | None = Field(
        default=None,
        description="the API's URL of an external database, through its pooler where it has one: "
        "postgresql://role:password@host:port/database, special characters as %XX, a secret",
    )
    owner_url: DatabaseUrl | None = Field(
        default=None,
        description="the owner's URL of an external database, direct and not through a pooler: "
        "postgresql://role:password@host:port/database, special characters as %XX, a secret",
    )


class Cache(Section):
    """Where Valkey runs. One that lives elsewhere (`external`) brings its URL."""

    kind: Literal["container", "elasticache", "external"] = Field(
        description="container (dev), elasticache (staging, production) or external"
    )
    generation: int = Field(
        default=1, ge=1, le=999, description="a whole number, one higher for each rebuild beside an earlier cache"
    )
    node_type: str = Field(default="cache.t4g.micro", description="an ElastiCache node type such as cache.m7g.large")
    replicas: int = Field(default=0, ge=0, le=5, description="failover replicas, from 0 to 5")
    url: CacheUrl | None = Field(
        default=None,
        description="the URL of an external cache: rediss://:password@host:port (redis:// without TLS), special "
        "characters as %XX, a secret",
    )


class RateLimits(Section):
    """How many requests one client address may send in 15 minutes."""

    api: int = Field(default=100, ge=1, description="requests per address and 15 minutes on /api/, at least 1")
    auth: int = Field(default=5, ge=1, description="requests per address and 15 minutes on /api/auth/, at least 1")


class Backups(Section):
    """Where backups are kept."""

    bucket: BucketName = Field(description="3 to 63 lower-case letters, digits and hyphens")
    copy_bucket: BucketName | None = Field(default=None, description="a bucket name in the second region")
    earlier_identities: AgeIdentities | None = Field(
        default=None,
        description="what opens the backups of an earlier stack, AGE-SECRET-KEY-1..., several by spaces, a secret",
    )
    """For a stack that takes over an earlier one's backups: those that it makes itself have a key of its own."""


class Aws(Section):
    """Where the cloud environments run."""

    account: str | None = Field(default=None, pattern=r"^\d{12}$", description="the AWS account's number, 12 digits")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="an AWS region such as eu-central-1")
    copy_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="a second AWS region such as eu-west-1")


@dataclass(frozen=True)
class Place:
    """An account, and the regions of it that a stack is in."""

    account: str
    region: str
    copy_region: str


class Network(Section):
    """The VPC. Each NAT gateway costs by the hour and by the gigabyte; with one, its zone's loss cuts the way out."""

    cidr: str = Field(default="10.20.0.0/16", description="a private network of size /16, such as 10.20.0.0/16")
    zones: int = Field(default=2, ge=2, le=3, description="availability zones, 2 or 3")
    nat_gateways: int = Field(default=1, ge=1, le=3, description="NAT gateways, from 1 to the number of zones")

    @field_validator("cidr")
    @classmethod
    def _private(cls, value: str) -> str:
        network = ipaddress.ip_network(value)
        if network.version != 4 or network.prefixlen != 16 or not network.is_private:
            raise ValueError(value)
        return value


class Cloudflare(Section):
    """The zone that the names of staging and production are in."""

    zone: Hostname = Field(default="nuggetwise.com", description="the zone's name, such as nuggetwise.com")
    zone_id: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{32}$", description="the zone's id (its overview page shows it)"
    )


class Frontend(Section):
    """The Next.js app, which Vercel builds from its own repository."""

    repository: str | None = Field(
        default=None, pattern=r"^[\w.-]+/[\w.-]+$", description="the app's repository on GitHub, such as owner/name"
    )
    branch: str = Field(default="main", pattern=r"^[\w./-]+$", description="the branch that the domain shows")
    team: str | None = Field(default=None, pattern=r"^team_\w+$", description="the id of the team on Vercel (team_...)")
    stripe_publishable_key: str | None = Field(
        default=None, pattern=r"^pk_\w+$", description="Stripe's publishable key (pk_...)"
    )
    ga_tracking_id: str | None = Field(default=None, pattern=r"^(G|UA)-[\w-]+$", description="an id such as G-XXXXXXX")
    hotjar_id: str | None = Field(default=None, pattern=r"^\d+$", description="a site id, digits only")
    failed_builds_ring: bool = Field(
        default=True, description="true or false: false where Vercel's plan has no webhooks, which is the free one"
    )


class Watch(Section):
    """Who is told of what."""

    email: str | None = Field(
        default=None, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", description="the address that alarms are sent to"
    )
    monthly_budget: int = Field(default=200, ge=1, description="US dollars a month above which the budget alarm rings")
    log_days: int = Field(
        default=90, description="days that logs are kept, one of those CloudWatch offers: 30, 60, 90 …"
    )


class Usage(Section):
    """How long usage stays where the API reads it. Older months are kept as tables of their own, which dumps carry."""

    keep_months: int = Field(default=24, ge=2, le=1200, description="whole months before the current one, at least 2")


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


class Rotation(Section):
    """How often a secret was replaced: each higher `number` makes a new value, which is used beside the one before.

    `retired` follows once nothing needs the value before any more; from then on only the new one is accepted.
    """

    number: int = Field(default=0, ge=0, description="a whole number, one higher for each new value")
    retired: int = Field(default=0, ge=0, description="the last number whose earlier value is accepted no more")

    @property
    def is_retired(self) -> bool:
        """Whether only the newest value counts."""
        return self.retired == self.number


class Rotations(Section):
    """Generated secrets that `make rotate` replaces."""

    jwt_secret: Rotation = Rotation()
    encryption_key: Rotation = Rotation()
    database_owner_password: Rotation = Rotation()
    database_api_password: Rotation = Rotation()
    cache_token: Rotation = Rotation()


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
    usage: Usage = Usage()
    keys: Keys | None = None
    """Without them a dev stack runs fakes of Stripe and v0."""
    rotations: Rotations = Rotations()
    rate_limits: RateLimits = RateLimits()
    aws: Aws | None = None
    network: Network = Network()
    cloudflare: Cloudflare = Cloudflare()
    frontend: Frontend = Frontend()
    watch: Watch = Watch()
    image: str | None = Field(
        default=None,
        pattern=r"^(sha256:[0-9a-f]{64}|nuggetwise/api:[0-9a-f]{12})$",
        description="the digest of a published image (sha256:...), on dev the name of one that is there "
        "(nuggetwise/api:...)",
    )
    """Deploys that image of the API; without it the image is built, and in the cloud published."""
    maintenance: bool = Field(
        default=False, description="true or false: true answers 503 to all but health checks until it is false again"
    )
    bootstrap: str = Field(
        default="organization/nuggetwise-bootstrap/global",
        pattern=r"^[\w.-]+/nuggetwise-bootstrap/[\w.-]+$",
        description="the bootstrap stack, such as organization/nuggetwise-bootstrap/global",
    )
    break_glass: bool = Field(
        default=False, description="true or false: true lets the next `up` take the protection off, so that all may go"
    )

    @property
    def place(self) -> Place:
        """Where a cloud stack runs. `parse` lets none through without it, and a dev stack has none."""
        assert self.aws is not None
        assert self.aws.account is not None
        return Place(self.aws.account, self.aws.region, self.aws.copy_region)

    @property
    def deletion_protection(self) -> bool:
        """Whether AWS itself refuses to delete what holds data."""
        return not self.break_glass

    @property
    def protect(self) -> bool:
        """Whether Pulumi refuses to delete what holds data."""
        return self.environment == "production" and not self.break_glass

    @model_validator(mode="after")
    def check_what_must_hold_together(self) -> "Settings":
        problems = [
            *self._wrong_kinds(),
            *self._rotated(),
            *self._restored(),
            *self._not_offered(),
            *self._outside_the_zone(),
            *self._production_names(),
            *self._too_many_connections(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _wrong_kinds(self) -> list[str]:
        problems: list[str] = []
        dev = self.environment == "dev"
        if self.database.kind != "external" and (self.database.kind == "container") is not dev:
            problems.append(f"database.kind: {self.database.kind} does not go with environment {self.environment}")
        if self.cache.kind != "external" and (self.cache.kind == "container") is not dev:
            problems.append(f"cache.kind: {self.cache.kind} does not go with environment {self.environment}")
        if dev and self.port is None:
            problems.append("port: is missing; a dev stack needs one, e.g. port: 8080")
        if self.image and self.image.startswith("sha256:") is dev:
            wanted = "the name of an image on this machine (nuggetwise/api:...)" if dev else "a digest (sha256:...)"
            problems.append(f"image: {self.image} does not go with environment {self.environment}; give {wanted}")
        if not dev and self.port is not None:
            problems.append("port: only a dev stack publishes a port on this machine; remove the key")
        if self.keys and self.plans.pro.stripe_price is None:
            problems.append("plans.pro.stripe_price: is missing; with keys of Stripe it must be the price to sell")
        if self.aws and self.aws.region == self.aws.copy_region:
            problems.append("aws.copy_region: is the same as aws.region; a copy must survive the loss of a region")
        if self.api.max_replicas is not None and self.api.max_replicas < self.api.replicas:
            problems.append("api.max_replicas: is below api.replicas; raise it or lower api.replicas")
        return problems

    def _rotated(self) -> list[str]:
        if self.environment == "dev" and self.rotations != Rotations():
            return ["rotations: is for staging and production; in dev use `pulumi up --replace <URN of the secret>`"]
        return [
            f"rotations.{name}.retired: is {rotation.retired}, above rotations.{name}.number ({rotation.number})"
            for name in Rotations.model_fields
            if (rotation := getattr(self.rotations, name)).retired > rotation.number
        ]

    def _restored(self) -> list[str]:
        restore, generation = self.database.restore, self.database.generation
        if self.database.kind != "rds":
            return ["database.restore: is for kind rds; remove the key, `make restore` fills others"] if restore else []
        if restore and generation == 1:
            return ["database.restore: needs database.generation 2 or higher, a database beside the one before"]
        if generation > 1 and not restore:
            return [
                f"database.generation: {generation} is another database than the one before; say in "
                "database.restore.source where its data come from (nothing: it begins empty)"
            ]
        return []

    def _not_offered(self) -> list[str]:
        problems: list[str] = []
        memories = offers.FARGATE.get(self.api.task_cpu)
        if memories is None:
            offered = ", ".join(map(str, offers.FARGATE))
            problems.append(f"api.task_cpu: Fargate has no {self.api.task_cpu}; it offers {offered}")
        elif self.api.task_memory not in memories:
            problems.append(
                f"api.task_memory: Fargate has no {self.api.task_memory} MiB with {self.api.task_cpu} CPU units; it "
                f"offers {', '.join(map(str, memories))}"
            )
        for key, value, offered in (
            ("database.instance_class", self.database.instance_class, offers.RDS),
            ("cache.node_type", self.cache.node_type, offers.ELASTICACHE),
        ):
            if value not in offered:
                near = difflib.get_close_matches(value, sorted(offered), n=1, cutoff=0)[0]
                problems.append(f"{key}: AWS has no {value} for this; the nearest that it offers is {near}")
        if self.watch.log_days not in offers.LOG_RETENTION:
            days = ", ".join(map(str, sorted(offers.LOG_RETENTION)))
            problems.append(
                f"watch.log_days: CloudWatch does not keep logs {self.watch.log_days} days; it offers {days}"
            )
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
        if self.database.max_storage * 10 < self.database.storage * 11:
            problems.append("database.max_storage: must be at least a tenth above database.storage")
        if self.network.nat_gateways > self.network.zones:
            problems.append("network.nat_gateways: more than zones; one in each zone is the most that is of use")
        return problems

    def _outside_the_zone(self) -> list[str]:
        if self.environment == "dev":
            return []
        zone = self.cloudflare.zone
        names = {"api.hostname": self.api.hostname, "frontend_url": self.frontend_url.split("://")[1]}
        problems = [
            f"{key}: {name} is not in the zone {zone} (cloudflare.zone)"
            for key, name in names.items()
            if name and name != zone and not name.endswith(f".{zone}")
        ]
        hostname = self.api.hostname or ""
        if hostname.endswith(f".{zone}") and "." in hostname.removesuffix(f".{zone}"):
            # https://developers.cloudflare.com/ssl/edge-certificates/universal-ssl/limitations/
            problems.append(f"api.hostname: {hostname} is two levels below {zone}; Cloudflare's certificate covers one")
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


def set_command(stack: str, key: str, *, secret: bool = False) -> str:
    """The command that sets `key` (`aws.account`) of a stack."""
    return f"pulumi config set -s {stack} {'--secret ' if secret else ''}--path {PROJECT}:{key}"


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
    missing = _missing(stack, values)
    lines = [f"{file}: {PROJECT}:{key}: {text}" for key, text in missing.items()]
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        told = [detail for detail in error.errors() if ".".join(map(str, detail["loc"])) not in missing]
        lines += [line for detail in told for line in _explained(file, dict(detail))]
    else:
        if not lines:
            return settings
    raise SettingsError("\n".join(lines))


# What staging and production cannot be without, and which of it is secret.
NEEDED_IN_THE_CLOUD = {
    "aws.account": False,
    "aws.region": False,
    "aws.copy_region": False,
    "api.hostname": False,
    "backups.copy_bucket": False,
    "cloudflare.zone_id": False,
    "frontend.repository": False,
    "frontend.stripe_publishable_key": False,
    "watch.email": False,
    "plans.pro.stripe_price": False,
    **{f"keys.{name}": True for name in Keys.model_fields},
}
NEEDED_IF_EXTERNAL = {"database": ("database.url", "database.owner_url"), "cache": ("cache.url",)}


def _missing(stack: str, values: Mapping[str, Any]) -> dict[str, str]:
    """By key, what a cloud stack or an external kind lacks, each with the command that sets it. Looks at the values as
    they came, so that one mistake does not hide another."""
    wanted = dict(NEEDED_IN_THE_CLOUD) if values.get("environment") in ("staging", "production") else {}
    for block, keys in NEEDED_IF_EXTERNAL.items():
        if _at(values, f"{block}.kind") == "external":
            wanted |= dict.fromkeys(keys, True)
    return {
        key: f"is missing; `{set_command(stack, key, secret=secret)}` sets it to {_described(key.split('.'))}"
        for key, secret in wanted.items()
        if not _at(values, key)
    }


def _at(values: Mapping[str, Any], key: str) -> Any:
    found: Any = values
    for part in key.split("."):
        # A block that is a secret as a whole is still sealed where only the file is read: it is there.
        if isinstance(found, Mapping) and "secure" in found:
            return found
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


# Blocks and keys that are secrets, or hold some: the key to set, for the message that one stands there in clear.
SECRET_KEYS = {
    "keys": ("v0_api_key", "stripe_secret_key", "stripe_webhook_secret"),
    "database": ("url", "owner_url"),
    "cache": ("url",),
    "backups": ("earlier_identities",),
}

# Credentials that the providers themselves read: the setting or the variable, and who gives them out.
CREDENTIALS = {
    "cloudflare:apiToken": ("CLOUDFLARE_API_TOKEN", "a token of Cloudflare that may edit the zone's DNS"),
    "vercel:apiToken": ("VERCEL_API_TOKEN", "a token of Vercel"),
}


def load() -> Settings:
    """Settings of the stack that this program runs for.

    Raises SettingsError with everything that is wrong or missing, the providers' credentials included.
    """
    stack = pulumi.get_stack()
    config = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    # Each language host tells in one of these ways which keys are secret.
    secret = {
        k for k in config if runtime_config.is_config_secret(k) or k in runtime_config.get_config_secret_keys_env()
    }
    problems = [*_in_clear(stack, config, secret), *missing_credentials(stack, config, os.environ)]
    try:
        settings = parse(stack, config)
    except SettingsError as error:
        raise SettingsError("\n".join([str(error), *problems])) from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _in_clear(stack: str, config: Mapping[str, Any], secret: set[str]) -> list[str]:
    problems: list[str] = []
    for name, fields in SECRET_KEYS.items():
        key = f"{PROJECT}:{name}"
        block = _decoded(config.get(key))
        present = [field for field in fields if isinstance(block, dict) and field in block]
        if key in config and key not in secret and (present or not isinstance(block, dict)):
            field = (present or list(fields))[0]
            problems.append(
                f"Pulumi.{stack}.yaml: {key}: stands there in clear; remove it, replace what was there where it came "
                f"from, and use `{set_command(stack, f'{name}.{field}', secret=True)}` and the like"
            )
    return problems


def missing_credentials(stack: str, config: Mapping[str, Any], variables: Mapping[str, str]) -> list[str]:
    """What a cloud stack's providers need and neither the settings nor the environment give."""
    if config.get(f"{PROJECT}:environment") not in ("staging", "production"):
        return []
    return [
        f"Pulumi.{stack}.yaml: {key}: is missing; `pulumi config set -s {stack} --secret {key}` or the variable "
        f"{variable} sets it to {what}"
        for key, (variable, what) in CREDENTIALS.items()
        if not config.get(key) and not variables.get(variable)
    ]


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
    hidden = path[0] in ("keys", "sentry_dsn") or path[-1] in SECRET_KEYS.get(path[0], ())
    shown = "what stands there" if hidden else json.dumps(error["input"], default=str)
    return [f"{key}: {shown} is not right; it must be {_described(path)}"]


def _section(path: Sequence[str]) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for part in path:
        annotation = model.model_fields[part].annotation
        options = [annotation, *get_args(annotation)]
        model = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
    return model


def _known(path: Sequence[str]) -> list[str]:
    return [name for name in _section(path).model_fields if name != "name"]


def _described(path: Sequence[str]) -> str:
    field = _section(path[:-1]).model_fields[path[-1]]
    if field.description:
        return field.description
    if list(path) == ["name"]:
        return "a lower-case letter, then at most 30 lower-case letters, digits and hyphens"
    return "a block with " + ", ".join(_known(path))
