"""An API whose database and cache are never reached: what these tests ask of it is decided before."""

import base64
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings

JWT_SECRET = "unit-3f9c1c7d5e0b4a6f8d2e7b1a9c4d6e8f"
ENCRYPTION_KEY = "k1:" + base64.b64encode(bytes(range(32))).decode()

MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Settings from these variables and no others that the environment may hold; None leaves one out."""

    def make(**variables: str | None) -> Settings:
        from app.settings import load_settings

        environment: dict[str, str | None] = {
            "ENVIRONMENT": "dev",
            # Port 1 refuses at once, should anything try.
            "DATABASE_URL": "postgresql://api:8f3kd93kfm2@127.0.0.1:1/nuggetwise",
            "REDIS_URL": "redis://:9dk3mf82kx1@127.0.0.1:1",
            "JWT_SECRET": JWT_SECRET,
            "ENCRYPTION_KEY": ENCRYPTION_KEY,
            # The default would soon be used up: all requests come from one address.
            "RATE_LIMIT_API": "1000000",
            "RATE_LIMIT_AUTH": "1000000",
            **variables,
        }
        for field in Settings.model_fields:
            monkeypatch.delenv(field.upper(), raising=False)
        for name, value in environment.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return load_settings()

    return make


@pytest.fixture
def app(make_settings: MakeSettings) -> FastAPI:
    return create_app(make_settings(FRONTEND_URL="https://frontend.test", TRUSTED_PROXIES="10.0.0.0/8"))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("10.0.0.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client
