"""The dev stack's program, run against mocks that record every registration."""

import asyncio
from dataclasses import dataclass
from typing import Any, NoReturn

import pulumi
import pytest
from pulumi.runtime import mocks

from infra import settings
from infra.environments import dev as environment

NAME = "unit"


@dataclass(frozen=True)
class Recorded:
    """One resource as the engine would have received it."""

    type: str
    name: str
    inputs: dict[str, Any]


class Recorder(mocks.Mocks):
    def __init__(self) -> None:
        self.resources: list[Recorded] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.resources.append(Recorded(args.typ, args.name, dict(args.inputs)))
        outputs: dict[str, Any] = {"name": f"{args.name}-0a1b2c", **args.inputs}
        match args.typ:
            case "docker:index/remoteImage:RemoteImage":
                outputs["imageId"] = f"sha256:{args.name}"
            case "pulumi-python:dynamic:GeneratedSecret":
                outputs["value"] = (args.name.encode().hex() + "0" * 64)[:64]
            case "pulumi-python:dynamic:MigrationRun":
                outputs.update(exit_code=0, log="", schema_revision="0001")
            case _:
                outputs.update(certificate="PEM", private_key="PEM")
        return f"{args.name}-id", outputs

    def call(self, args: mocks.MockCallArgs) -> NoReturn:
        raise AssertionError(f"the program asks the provider for {args.token}, which a preview could not answer")


def record(stack: settings.Settings) -> list[Recorded]:
    """Runs the program to its end, every registration drained, and returns what it registered."""
    # A loop of its own: the API's tests, which run before, close the one that Pulumi would find.
    asyncio.set_event_loop(asyncio.new_event_loop())
    recorder = Recorder()
    mocks.set_mocks(recorder, project=settings.PROJECT, stack=stack.name)

    @pulumi.runtime.test
    def program() -> None:
        environment.deploy(stack)

    program()
    return recorder.resources


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


@pytest.fixture(scope="session")
def resources() -> list[Recorded]:
    return record(dev_settings())


@pytest.fixture(scope="session")
def containers(resources: list[Recorded]) -> list[Recorded]:
    found = [resource for resource in resources if resource.type == "docker:index/container:Container"]
    assert len(found) == 10, [container.name for container in found]
    return found
