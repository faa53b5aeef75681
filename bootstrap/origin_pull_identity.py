"""What Cloudflare shows at our load balancers to prove that it is our zone that asks."""

import datetime as dt
import secrets
from typing import Any, TypedDict

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from infra import issuing

# Renewed by the next `up` once half of its life is over, so one `up` a year keeps it alive. Cloudflare warns by mail
# too.
CLIENT_LIFE = dt.timedelta(days=730)
CLIENT_RENEWED_BEFORE = dt.timedelta(days=365)

# A load balancer trusts an authority only after its own stack's next `up`. Until then nothing is signed by it.
AUTHORITY_SETTLES = dt.timedelta(days=90)

# Early enough that the old one can still sign a whole client certificate while the new one settles.
AUTHORITY_RENEWED_BEFORE = dt.timedelta(days=3 * 365)


class Issued(TypedDict):
    certificate: str
    private_key: str


class Identity(TypedDict):
    """The authorities that load balancers trust, the oldest first, and the certificate that Cloudflare shows."""

    authorities: list[Issued]
    client: Issued


def renewed(identity: Identity | None, zone: str, now: dt.datetime) -> Identity:
    """The identity as it should be `now`: the same one, or with what was due made anew.

    Whoever trusts the authorities of up to AUTHORITY_SETTLES ago goes on accepting the client.
    """
    authorities = [a for a in identity["authorities"] if _left(a, now) > dt.timedelta(0)] if identity else []
    if not authorities or _left(authorities[-1], now) < AUTHORITY_RENEWED_BEFORE:
        authorities = [*authorities, _issued(issuing.issue_authority(f"Origin pulls of {zone}", now))]
    client = identity["client"] if identity else None
    if client is None or _left(client, now) < CLIENT_RENEWED_BEFORE:
        signer = next((a for a in reversed(authorities) if _age(a, now) >= AUTHORITY_SETTLES), authorities[0])
        life = min(CLIENT_LIFE, _left(signer, now))
        client = _issued(issuing.issue_client(signer["certificate"], signer["private_key"], zone, life, now))
    return {"authorities": authorities, "client": client}


def _issued(pair: tuple[str, str]) -> Issued:
    return {"certificate": pair[0], "private_key": pair[1]}


def _left(issued: Issued, now: dt.datetime) -> dt.timedelta:
    return issuing.end_of(issued["certificate"]) - now


def _age(authority: Issued, now: dt.datetime) -> dt.timedelta:
    return issuing.AUTHORITY_LIFE - _left(authority, now)


class OriginPullIdentityProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(secrets.token_hex(8), _outputs(props["zone"], None))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        identity = olds["identity"]
        due = renewed(identity, olds["zone"], dt.datetime.now(dt.UTC)) != identity
        moved = olds["zone"] != news["zone"]
        return DiffResult(changes=due or moved, replaces=["zone"] if moved else [])

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_outputs(news["zone"], olds["identity"]))


def _outputs(zone: str, identity: Identity | None) -> dict[str, Any]:
    identity = renewed(identity, zone, dt.datetime.now(dt.UTC))
    return {
        "zone": zone,
        "identity": identity,
        "trusted": "".join(authority["certificate"] for authority in identity["authorities"]),
        **identity["client"],
    }


class OriginPullIdentity(Resource, name="OriginPullIdentity"):
    """Renewed by `pulumi up`: `certificate` and `private_key` are Cloudflare's, `trusted` the load balancers'.

    `trusted` is one or two authorities as PEM. A new one joins years before the old one ends.
    """

    trusted: pulumi.Output[str]
    certificate: pulumi.Output[str]
    private_key: pulumi.Output[str]

    def __init__(self, name: str, zone: str, opts: pulumi.ResourceOptions) -> None:
        options = pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(additional_secret_outputs=["identity", "private_key"])
        )
        props = dict.fromkeys(["identity", "trusted", "certificate", "private_key"]) | {"zone": zone}
        super().__init__(OriginPullIdentityProvider(), name, props, options)
