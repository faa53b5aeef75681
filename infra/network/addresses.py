"""Which addresses each subnet of a VPC has: a plain function, so that another zone moves nothing that is there."""

import ipaddress
from dataclasses import dataclass

MOST_ZONES = 4


@dataclass(frozen=True)
class Zone:
    """The networks of one availability zone, of which AWS keeps five addresses each."""

    public: str
    """A /24 for the load balancer, which wants eight free addresses to grow, and a NAT gateway."""
    private: str
    """A /20 for tasks, each of which takes an address, and the endpoints of AWS's services."""
    isolated: str
    """A /24 for the database and the cache."""


def plan(cidr: str, zones: int) -> list[Zone]:
    """The networks of the first `zones` zones in a VPC of size /16, each always in the same place.

    Of the sixteen /20 in it, four are the zones' private networks, the fifth holds all public ones, the sixth all
    isolated ones, and ten are free. Raises ValueError when `cidr` is no /16 or there are more zones than places.
    """
    vpc = ipaddress.IPv4Network(cidr)
    if vpc.prefixlen != 16:
        raise ValueError(f"{cidr} is no /16")
    if not 1 <= zones <= MOST_ZONES:
        raise ValueError(f"there are places for 1 to {MOST_ZONES} zones, not for {zones}")
    private = list(vpc.subnets(new_prefix=20))
    public, isolated = (private[MOST_ZONES + place].subnets(new_prefix=24) for place in (0, 1))
    return [Zone(*map(str, networks)) for networks in zip(public, private[:zones], isolated, strict=False)]
