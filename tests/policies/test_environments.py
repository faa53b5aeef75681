"""What this project declares meets every control of the pack."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format
from pulumi.runtime import mocks
from pulumi_policy import PolicyResource
from pulumi_policy.deserialize import deserialize_properties

from infra import settings
from policies.control import STACK
from policies.controls import CONTROLS
from policies.place import BOOTSTRAP

from ..infra import recording
from .declared import Sample, declared, root, violations

Registered = dict[str, Any]
"""What the engine would have been asked to register, by URN."""


class Monitor(recording.Monitor):
    def __init__(self, recorder: recording.Recorder) -> None:
        super().__init__(recorder)
        self.registered: Registered = {}

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        self.registered[response.urn] = request
        return response


def register(recorder: recording.Recorder, project: str, stack: str, program: Callable[[], object]) -> Sample:
    """The resources that a program registers, with their references, as a policy sees them."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    monitor = Monitor(recorder)
    mocks.set_mocks(recorder, project=project, stack=stack, monitor=monitor)

    @pulumi.runtime.test
    def run() -> None:
        program()

    run()
    found = {urn: _shown(urn, request) for urn, request in monitor.registered.items()}
    for urn, request in monitor.registered.items():
        found[urn].dependencies.extend(_known(found, request.dependencies))
        for by, targets in request.propertyDependencies.items():
            found[urn].property_dependencies[by] = _known(found, targets.urns)
    # Mocks register the stack itself but once a process.
    return [root(project), *(resource for resource in found.values() if resource.resource_type != STACK)]


def _shown(urn: str, request: Any) -> PolicyResource:
    props = deserialize_properties(json_format.MessageToDict(request.object))
    resource = declared(request.type, request.name, props)
    resource.urn = urn
    return resource


def _known(found: Mapping[str, PolicyResource], urns: Any) -> list[PolicyResource]:
    return [found[urn] for urn in urns if urn in found]


def check(sample: Sample) -> list[str]:
    return [message for control in CONTROLS for message in violations(control, sample)]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_environment_meets_every_control(environment: str) -> None:
    # Imported late: the SDKs of three clouds take seconds.
    from infra.environments import cloud

    chosen = recording.cloud_settings(environment)
    sample = register(recording.Recorder({}), settings.PROJECT, environment, lambda: cloud.deploy(chosen))
    assert check(sample) == []


def test_the_bootstrap_stack_meets_every_control() -> None:
    from bootstrap import program

    from ..infra import bootstrap_recording

    recorder = bootstrap_recording.BootstrapRecorder(bootstrap_recording.CALLS)
    chosen = bootstrap_recording.bootstrap_settings()
    sample = register(recorder, BOOTSTRAP, "global", lambda: program.deploy(chosen))
    assert check(sample) == []
