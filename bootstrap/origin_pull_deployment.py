"""Waits until Cloudflare shows an uploaded certificate, so that the one before is not deleted too early."""

import json
import os
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from bootstrap.settings import CLOUDFLARE_TOKEN

# Cloudflare says that it takes a few minutes.
LIMIT_SECONDS, PAUSE_SECONDS = 900, 5


class NotDeployedError(Exception):
    """Cloudflare took a certificate but does not show it."""


def wait(status: Callable[[], str], what: str, clock: Callable[[], float] = time.monotonic) -> None:
    """Returns when `status()` is active; asks every PAUSE_SECONDS.

    Raises NotDeployedError after LIMIT_SECONDS. The certificate before is then still there, and the next `up` goes on.
    """
    end = clock() + LIMIT_SECONDS
    while (found := status()) != "active":
        if clock() >= end:
            raise NotDeployedError(
                f"{what} is {found} after {LIMIT_SECONDS} s; the one before it still serves. Run `pulumi up` again; "
                "https://www.cloudflarestatus.com says whether Cloudflare has a problem"
            )
        time.sleep(PAUSE_SECONDS)


def certificate_status(zone_id: str, certificate_id: str) -> str:
    """`pending_deployment`, `active` and so on.

    https://developers.cloudflare.com/api/resources/origin_tls_client_auth/subresources/zone_certificates/methods/get/
    """
    # Both variables are those of Cloudflare's own provider.
    base = os.environ.get("CLOUDFLARE_BASE_URL", "https://api.cloudflare.com/client/v4")
    request = urllib.request.Request(  # noqa: S310 - the scheme is that of the line above
        f"{base.rstrip('/')}/zones/{zone_id}/origin_tls_client_auth/{certificate_id}",
        headers={"Authorization": f"Bearer {os.environ[CLOUDFLARE_TOKEN]}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return str(json.load(response)["result"]["status"])


class OriginPullDeploymentProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        zone_id, certificate_id = props["zone_id"], props["certificate_id"]
        wait(lambda: certificate_status(zone_id, certificate_id), f"the origin-pull certificate {certificate_id}")
        return CreateResult(certificate_id, props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        changed = [key for key in ("zone_id", "certificate_id") if olds[key] != news[key]]
        return DiffResult(changes=bool(changed), replaces=changed)


class OriginPullDeployment(Resource, name="OriginPullDeployment"):
    """There once Cloudflare shows the certificate. The engine deletes a replaced certificate only after that."""

    def __init__(
        self,
        name: str,
        zone_id: str,
        certificate_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        props = {"zone_id": zone_id, "certificate_id": certificate_id}
        super().__init__(OriginPullDeploymentProvider(), name, props, opts)
