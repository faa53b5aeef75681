"""What Vercel fills in."""

from collections.abc import Mapping

from rehearsal.computed.shape import Fields, Shape, fixed, shape
from rehearsal.schema import Type

SHAPES: Mapping[str, Shape] = {
    "vercel:index/project:Project": shape("prj_{mixed28}", nodeVersion="22.x"),
    "vercel:index/projectDomain:ProjectDomain": shape("{domain}", verified=fixed(True), misconfigured=fixed(False)),
    "vercel:index/webhook:Webhook": shape("account_hook_{mixed24}", secret="{hex64}"),  # noqa: S106 - a shape
    "vercel:index/projectEnvironmentVariables:ProjectEnvironmentVariables": shape("{projectId}"),
}


def common(kind: Type, fields: Fields) -> Shape:
    """What every type has, and the id of one without a shape of its own."""
    return shape("{mixed16}", teamId=lambda f: f.get("teamId"))
