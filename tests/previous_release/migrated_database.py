"""Takes over in the previous release's tests/database/conftest.py: the database has a newer schema already."""

import os

import pytest

from migrations.settings import Settings, settings


@pytest.fixture(scope="session")
def session_settings(request: pytest.FixtureRequest) -> Settings:
    if getattr(request, "param", "own_database") != "own_database":
        pytest.skip("one database is enough")
    return settings(os.environ)


@pytest.fixture(scope="session")
def migrated(session_settings: Settings) -> Settings:
    return session_settings
