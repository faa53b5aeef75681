"""What the API reads from its environment, parsed once into one validated value."""

import base64
import binascii
import ipaddress
import re
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.placeholders import is_placeholder

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Without these the API would serve, but not sell: in dev they may be absent.
_NEEDED_OUTSIDE_DEV = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "V0_API_KEY")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_V0 = "https://api.v0.dev"
_STRIPE = "https://api.stripe.com"
_MIN_JWT_SECRET = 32  # RFC 7518, 3.2: an HS256 key is at least as long as its hash


class SettingsError(Exception):
    """The environment does not hold usable settings; `lines` says why, a line per variable, without values."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _networks(value: object) -> object:
    parts = _split(value)
    if not isinstance(parts, tuple):
        return parts
    try:
        return tuple(ipaddress.ip_network(part) for part in parts)
    except ValueError:
        raise ValueError("must be networks like 10.0.0.0/16, comma-separated, with no host bits set") from None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """The variables of the API. Blank means unset; secrets never show in a representation or an error."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: Literal["dev", "staging", "production"]
    port: int = Field(default=3000, ge=1, le=65535)
    app_version: str = "unknown"
    frontend_url: str | None = None
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()
    database_pool_size: int = Field(default=10, ge=1, le=200)
    rate_limit_api: int = Field(default=100, ge=1)
    """Requests per client and 15 minutes on everything that is limited."""
    rate_limit_auth: int = Field(default=5, ge=1)
    """The same on /api/auth/, whose requests count against both."""
    drain_seconds: float = Field(default=3.0, ge=0.0, le=20.0)
    """How long a process goes on accepting after SIGTERM, so that load balancers see that it is not ready."""

    database_url: SecretStr
    redis_url: SecretStr
    redis_tls_verify: bool = True
    """False where the platform's own cache has a self-signed certificate, as Heroku's does."""
    jwt_secret: SecretStr
    encryption_key: SecretStr
    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_api_url: str = _STRIPE
    stripe_price_pro: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Stripe's prices of the plan pro: the first is what is sold, the others are what some pay who came earlier."""
    v0_api_key: SecretStr | None = None
    v0_api_url: str = _V0
    v0_model: str = "v0-1.5-md"
    quota_free: int = Field(default=10, ge=0)
    quota_pro: int = Field(default=500, ge=0)
    """Component generations per calendar month (UTC)."""
    sentry_dsn: SecretStr | None = None
    sentry_traces_sample_rate: float = Field(default=1.0, ge=0.0, le=1.0)

    @property
    def cache_url(self) -> str:
        """`redis_url`, with how much its certificate is trusted."""
        url = self.redis_url.get_secret_value()
        if self.redis_tls_verify or not url.startswith("rediss:"):
            return url
        return f"{url}{'&' if urlsplit(url).query else '?'}ssl_cert_reqs=none&ssl_check_hostname=false"

    @property
    def jwt_secrets(self) -> tuple[str, ...]:
        """The first signs, all verify."""
        return _parts(self.jwt_secret)

    @property
    def encryption_keys(self) -> dict[str, bytes]:
        """By key id; the first encrypts, all decrypt."""
        return parse_encryption_keys(self.encryption_key)

    @property
    def secret_values(self) -> frozenset[str]:
        """Every text that must not reach a log: whole variables, their comma-separated parts, passwords in URLs."""
        values: set[str] = set()
        for name in type(self).model_fields:
            secret = getattr(self, name)
            if not isinstance(secret, SecretStr):
                continue
            whole = secret.get_secret_value()
            values.update({whole, *_parts(secret), *_url_passwords(whole)})
        values.update(part.partition(":")[2] for part in _parts(self.encryption_key))
        return frozenset(value for value in values if len(value) >= 6)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    @field_validator("frontend_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query:
            raise ValueError("must be an origin like https://nuggetwise.com")
        return f"{url.scheme}://{url.netloc}"

    @field_validator("v0_api_url", "stripe_api_url")
    @classmethod
    def _base_url(cls, value: str, field: ValidationInfo) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
            raise ValueError(f"must be a URL like {_STRIPE if field.field_name == 'stripe_api_url' else _V0}")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in ("postgres", "postgresql"):
            raise ValueError("must be a URL that begins postgresql://")
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        url = urlsplit(value.get_secret_value())
        if url.scheme not in ("http", "https") or not url.username or not url.hostname or not url.path.strip("/"):
            raise ValueError("must be a DSN like https://key@host/project")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss"):
            raise ValueError("must be a URL that begins redis:// or rediss://")
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        parts = _parts(value)
        if not parts or any(len(part) < _MIN_JWT_SECRET for part in parts):
            raise ValueError(f"each of its comma-separated secrets needs at least {_MIN_JWT_SECRET} characters")
        return value

    @field_validator("encryption_key")
    @classmethod
    def _encryption_keys(cls, value: SecretStr) -> SecretStr:
        parse_encryption_keys(value)
        return value

    @model_validator(mode="after")
    def _no_known_secrets(self) -> "Settings":
        if self.environment != "dev" and (problems := _refusals(self)):
            raise ValueError("\n".join(problems))
        return self


def load_settings() -> Settings:
    """The settings of this process.

    Raises SettingsError.
    """
    try:
        return Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        raise SettingsError([line for item in error.errors() for line in _lines(item)]) from None


def parse_encryption_keys(value: SecretStr) -> dict[str, bytes]:
    """The keys of ENCRYPTION_KEY by their ids, in order.

    Raises ValueError, without the value.
    """
    keys = [_parse_encryption_key(part) for part in _parts(value)]
    if not keys or len(keys) != len(dict(keys)):
        raise ValueError("needs at least one key, and each key id once")
    return dict(keys)


def _lines(error: Any) -> list[str]:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message.splitlines()
    variable = str(error["loc"][0]).upper()
    return [f"{variable}: {'is not set' if error['type'] == 'missing' else message}"]


def _refusals(settings: Settings) -> list[str]:
    where = settings.environment
    lines = [
        f"{name}: is not set, and {where} needs it"
        for name in _NEEDED_OUTSIDE_DEV
        if getattr(settings, name.lower()) is None
    ]
    for name in type(settings).model_fields:
        secret = getattr(settings, name)
        if isinstance(secret, SecretStr) and _is_known(name, secret):
            lines.append(f"{name.upper()}: is a known default or placeholder, which {where} refuses")
    for name, url, official in (
        ("V0_API_URL", settings.v0_api_url, _V0),
        ("STRIPE_API_URL", settings.stripe_api_url, _STRIPE),
    ):
        if url != official:
            lines.append(f"{name}: is not {official}, and {where} takes no other")
    if not _url_passwords(settings.database_url.get_secret_value()):
        lines.append(f"DATABASE_URL: has no password, and {where} needs one")
    return lines


def _is_known(name: str, secret: SecretStr) -> bool:
    value = secret.get_secret_value()
    if name in ("database_url", "redis_url"):
        return any(is_placeholder(password) for password in _url_passwords(value))
    if name == "encryption_key":
        keys = (_parse_encryption_key(part)[1] for part in _parts(secret))
        # A random key of 32 bytes has about 30 distinct ones; text in its place is caught by the same words.
        return any(len(set(key)) < 16 or is_placeholder(key.decode("latin-1")) for key in keys)
    return any(is_placeholder(part) for part in _parts(secret))


def _parts(secret: SecretStr) -> tuple[str, ...]:
    return tuple(part.strip() for part in secret.get_secret_value().split(",") if part.strip())


def _parse_encryption_key(part: str) -> tuple[str, bytes]:
    key_id, _, encoded = part.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _KEY_ID.fullmatch(key_id) or len(key) != 32:
        raise ValueError("each of its comma-separated keys must be keyid:base64 of 32 bytes")
    return key_id, key


def _url_passwords(value: str) -> set[str]:
    """The password of a URL, as written and decoded; also one given as a parameter."""
    if "://" not in value:
        return set()
    try:
        url = urlsplit(value)
    except ValueError:
        return set()
    found = {url.password or "", *parse_qs(url.query).get("password", [])}
    return {text for password in found if password for text in (password, unquote(password))}
