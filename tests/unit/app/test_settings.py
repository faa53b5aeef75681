"""Settings: what is read, and what is refused, by name and without its value."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.placeholders import is_placeholder
from app.settings import Settings, SettingsError

ROOT = Path(__file__).parents[3]

GOOD_ENCRYPTION_KEY = "2026-11:" + base64.b64encode(bytes(range(100, 132))).decode()
GOOD = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://api:Zk29fKq81LmP@db.internal/nuggetwise",
    "REDIS_URL": "rediss://:Qm18dKw02xTz@cache.internal",
    "JWT_SECRET": "p7Xr2vQ9mK4tB8nW1zL6cY3hF5jD0sGa",
    "ENCRYPTION_KEY": GOOD_ENCRYPTION_KEY,
    "STRIPE_SECRET_KEY": "sk_live_51Hq8ZkLmN3pQrStUvWx",
    "STRIPE_WEBHOOK_SECRET": "whsec_9fJ2kLm3Nq8pRs7tUv",
    "V0_API_KEY": "v1:team_9dKq:7hLmPzRt2",
}


def refusals(make_settings: Callable[..., Settings], **variables: str | None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        make_settings(**variables)
    return caught.value.lines


def test_a_complete_production_environment_is_accepted(make_settings: Callable[..., Settings]):
    settings = make_settings(**GOOD)
    assert settings.environment == "production"
    assert settings.port == 3000
    assert settings.jwt_secrets == (GOOD["JWT_SECRET"],)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "JWT_SECRET", "ENCRYPTION_KEY"])
@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_what_the_api_cannot_run_without_is_required_everywhere(
    make_settings: Callable[..., Settings], name: str, environment: str
):
    assert refusals(make_settings, **{**GOOD, "ENVIRONMENT": environment, name: None}) == [f"{name}: is not set"]


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "V0_API_KEY"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_keys_of_services_are_required_outside_dev_and_blank_is_unset(
    make_settings: Callable[..., Settings], name: str, value: str | None
):
    for environment in ("staging", "production"):
        lines = refusals(make_settings, **{**GOOD, "ENVIRONMENT": environment, name: value})
        assert lines == [f"{name}: is not set, and {environment} needs it"]
    assert getattr(make_settings(**{**GOOD, "ENVIRONMENT": "dev", name: value}), name.lower()) is None


def test_every_missing_variable_gets_its_line(make_settings: Callable[..., Settings]):
    lines = refusals(make_settings, ENVIRONMENT=None, DATABASE_URL=None, JWT_SECRET=None)
    assert {line.partition(":")[0] for line in lines} == {"ENVIRONMENT", "DATABASE_URL", "JWT_SECRET"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "your-super-secret-jwt-key-change-in-production"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("JWT_SECRET", GOOD["JWT_SECRET"] + "," + "a" * 40),
        ("STRIPE_SECRET_KEY", "sk_test_4eC39HqLyjWDarjtT1zdp7dc"),
        ("STRIPE_SECRET_KEY", "sk_test_xxxxxxxxxxxxxxxx"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_your_secret"),
        ("V0_API_KEY", "changeme"),
        ("V0_API_KEY", "<your key>"),
        ("DATABASE_URL", "postgresql://postgres:postgres@db/nuggetwise"),
        ("DATABASE_URL", "postgresql://api:change%20me@db/nuggetwise"),
        ("REDIS_URL", "redis://:password@cache"),
        ("ENCRYPTION_KEY", "k1:" + base64.b64encode(bytes(32)).decode()),
        ("ENCRYPTION_KEY", "k1:" + base64.b64encode(b"change-me-please-32-bytes-long!!").decode()),
        ("V0_API_KEY", "[secret]"),
    ],
)
def test_known_defaults_are_refused_outside_dev_by_name_and_without_their_value(
    make_settings: Callable[..., Settings], name: str, value: str
):
    lines = refusals(make_settings, **{**GOOD, name: value})
    assert lines == [f"{name}: is a known default or placeholder, which production refuses"]


def test_a_database_without_a_password_is_refused_outside_dev(make_settings: Callable[..., Settings]):
    assert refusals(make_settings, **{**GOOD, "DATABASE_URL": "postgresql://api@db/nuggetwise"}) == [
        "DATABASE_URL: has no password, and production needs one"
    ]


def test_dev_accepts_what_production_refuses(make_settings: Callable[..., Settings]):
    assert make_settings(V0_API_URL="http://fakes:8000/v0/").v0_api_url == "http://fakes:8000/v0"
    assert make_settings(**GOOD).v0_api_url == "https://api.v0.dev"
    assert make_settings(STRIPE_API_URL="http://fakes:8000/stripe/").stripe_api_url == "http://fakes:8000/stripe"
    assert make_settings(**GOOD).stripe_api_url == "https://api.stripe.com"
    make_settings(DATABASE_URL="postgresql://postgres:postgres@db/nuggetwise", V0_API_KEY="changeme")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("JWT_SECRET", "short", "at least 32 characters"),
        ("JWT_SECRET", f"{GOOD['JWT_SECRET']},short", "at least 32 characters"),
        ("ENCRYPTION_KEY", "k1:c2hvcnQ=", "32 bytes"),
        ("ENCRYPTION_KEY", GOOD_ENCRYPTION_KEY.partition(":")[2], "keyid:base64"),
        ("ENCRYPTION_KEY", f"{GOOD_ENCRYPTION_KEY},{GOOD_ENCRYPTION_KEY}", "each key id once"),
        ("DATABASE_URL", "mysql://db", "postgresql://"),
        ("REDIS_URL", "http://cache", "redis://"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "host bits"),
        ("PORT", "http", "integer"),
        ("FRONTEND_URL", "frontend.test", "origin"),
        ("V0_API_URL", "fakes:8000", "https://api.v0.dev"),
        ("V0_API_URL", "http://fakes:8000/v0", "takes no other"),
        ("STRIPE_API_URL", "http://fakes:8000/stripe", "takes no other"),
        ("STRIPE_API_URL", "fakes:8000", "https://api.stripe.com"),
        ("QUOTA_FREE", "-1", "greater than or equal to 0"),
        ("ENVIRONMENT", "prod", "'production'"),
        ("DATABASE_POOL_SIZE", "0", "greater than or equal to 1"),
    ],
)
def test_a_wrong_value_is_named_with_its_fix_and_not_shown(
    make_settings: Callable[..., Settings], name: str, value: str, reason: str
):
    (line,) = refusals(make_settings, **{**GOOD, name: value})
    assert line.startswith(f"{name}: ")
    assert reason in line
    assert name == "ENVIRONMENT" or value not in line


def test_several_keys_are_read_in_order(make_settings: Callable[..., Settings]):
    old = "k0:" + base64.b64encode(bytes(range(32))).decode()
    settings = make_settings(ENCRYPTION_KEY=f"{GOOD_ENCRYPTION_KEY}, {old}", JWT_SECRET=f"{'n' * 32},{'o' * 32}")
    assert list(settings.encryption_keys) == ["2026-11", "k0"]
    assert settings.encryption_keys["k0"] == bytes(range(32))
    assert settings.jwt_secrets == ("n" * 32, "o" * 32)


def test_no_secret_shows_in_a_representation(make_settings: Callable[..., Settings]):
    settings = make_settings(**GOOD)
    for name in GOOD.keys() - {"ENVIRONMENT"}:
        assert GOOD[name] not in repr(settings)


def test_random_secrets_are_not_taken_for_placeholders():
    for _ in range(200):
        for secret in (os.urandom(16).hex(), base64.b64encode(os.urandom(24)).decode()):
            assert not is_placeholder(secret), secret


def test_a_refused_start_prints_a_line_per_variable_and_exits_2():
    environment = {**GOOD, "JWT_SECRET": "short", "V0_API_KEY": "", "PORT": "0", "PATH": os.environ["PATH"]}
    ended = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    assert {line.partition(":")[0] for line in ended.stderr.splitlines()} == {"JWT_SECRET", "PORT"}
