"""What Cloudflare fills in: ids of 32 hexadecimal digits, and times."""

from collections.abc import Mapping

from rehearsal.computed.shape import Fields, Shape, fixed, shape
from rehearsal.schema import Type

SHAPES: Mapping[str, Shape] = {
    "cloudflare:index/dnsRecord:DnsRecord": shape(
        "{hex32}", proxiable=lambda f: f["type"] in ("A", "AAAA", "CNAME"), meta="{{}}", proxied=fixed(False)
    ),
    "cloudflare:index/ruleset:Ruleset": shape("{hex32}", version="1", lastUpdated="{now}"),
    "cloudflare:index/zoneSetting:ZoneSetting": shape("{settingId}", editable=fixed(True)),
    "cloudflare:index/zone:Zone": shape("{hex32}", status="active"),
    "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings": shape("{zoneId}"),
}


def common(kind: Type, fields: Fields) -> Shape:
    """What every type has, and the id of one without a shape of its own."""
    return shape(
        "{hex32}",
        createdOn="{now}",
        modifiedOn="{now}",
        uploadedOn="{now}",
        updatedOn="{now}",
        status="active",
        certificateId="{id}",
    )
