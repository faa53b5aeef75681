"""Runs the bootstrap program against mocks that record every registration."""

import asyncio
from typing import Any

import pulumi
from pulumi.runtime import mocks

from bootstrap import program
from bootstrap.settings import PROJECT, Settings

from .recording import ACCOUNT, ZONE_ID, Monitor, Recorded, Recorder

CALLS: dict[str, dict[str, Any]] = {
    "cloudflare:index/getZone:getZone": {"account": {"id": "0a" * 16, "name": "Nuggetwise"}, "name": "nuggetwise.com"}
}


def bootstrap_settings(**changes: Any) -> Settings:
    """Whole settings, so that a test names only what it is about. A changed block replaces all of it."""
    return Settings.model_validate(
        {
            "aws": {"account": ACCOUNT, "region": "eu-central-1", "copy_region": "eu-west-1"},
            "github": {"repository": "nuggetwise@11/infrastructure@22"},
            "cloudflare": cloudflare(),
            "watch": {"email": "ops@nuggetwise.com"},
            **changes,
        }
    )


def cloudflare(**changes: Any) -> dict[str, Any]:
    hosts = ["api.nuggetwise.com", "api-staging.nuggetwise.com"]
    return {"zone": "nuggetwise.com", "zone_id": ZONE_ID, "api_hosts": hosts, **changes}


class BootstrapRecorder(Recorder):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        identifier, outputs = super().new_resource(args)
        if args.typ == "pulumi-python:dynamic:OriginPullIdentity":
            outputs.update(trusted="AUTHORITIES", certificate="CERTIFICATE", private_key="KEY", identity={})
        return identifier, outputs


def record(settings: Settings) -> list[Recorded]:
    """What the bootstrap program registers."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    recorder = BootstrapRecorder(CALLS)
    mocks.set_mocks(recorder, project=PROJECT, stack="global", monitor=Monitor(recorder))

    @pulumi.runtime.test
    def run() -> None:
        program.deploy(settings)

    run()
    return recorder.resources
