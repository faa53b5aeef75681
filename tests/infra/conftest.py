"""The dev stack's program, run against mocks that record every registration."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra import settings
from infra.environments import dev
from infra.image import registry

from . import recording
from .recording import Recorded

NAME = "unit"


def record(stack: settings.Settings) -> list[Recorded]:
    """What the dev environment registers."""
    # Preview and update of dev ask no provider for anything.
    return recording.record(stack, dev.deploy)


def dev_settings(**changes: Any) -> settings.Settings:
    return settings.Settings.model_validate(
        {
            "name": NAME,
            "environment": "dev",
            "port": 18080,
            "frontend_url": "http://localhost:3000",
            "database": {"kind": "container"},
            "cache": {"kind": "container"},
            "backups": {"bucket": "backups-unit"},
            **changes,
        }
    )


@pytest.fixture(scope="session", autouse=True)
def login_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the login of a recorded stack out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setattr(registry, "home", lambda: home)
        yield


@pytest.fixture(scope="session")
def resources() -> list[Recorded]:
    return record(dev_settings())


@pytest.fixture(scope="session")
def containers(resources: list[Recorded]) -> list[Recorded]:
    found = [resource for resource in resources if resource.type == "docker:index/container:Container"]
    assert len(found) == 8, [container.name for container in found]
    return found


def replicas_of(resources: list[Recorded]) -> dict[str, Any]:
    """What the API's replicas are declared with."""
    (found,) = [resource for resource in resources if resource.type.endswith(":Replicas")]
    return found.inputs


@pytest.fixture(scope="session")
def replicas(resources: list[Recorded]) -> dict[str, Any]:
    return replicas_of(resources)
