"""One record in the zone at Cloudflare."""

from typing import Literal

import pulumi

from infra.cloudflare_sdk import DnsRecord
from infra.settings import Settings

# Five minutes for a record that is DNS only; for a proxied one nothing else is allowed.
# https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/
AUTOMATIC = 1


def record(
    name: str,
    settings: Settings,
    kind: Literal["A", "CNAME"],
    host: pulumi.Input[str],
    content: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    proxied: bool = False,
) -> DnsRecord:
    """`host` leads to `content`: DNS only, or `proxied` by Cloudflare, which then answers in its place.

    A comment says whose it is, since no plan but a paid one has tags.
    """
    assert settings.cloudflare.zone_id is not None  # what the settings' own check promises for a cloud stack
    return DnsRecord(
        name,
        zone_id=settings.cloudflare.zone_id,
        type=kind,
        name=host,
        content=content,
        proxied=proxied,
        ttl=AUTOMATIC,
        comment=f"Pulumi stack {settings.name}",
        opts=opts,
    )
