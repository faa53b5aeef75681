"""The address plan, whatever the VPC's network and however many zones it has."""

from dataclasses import astuple
from ipaddress import IPv4Network
from itertools import combinations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra import release
from infra.network.addresses import MOST_ZONES, Zone, plan

# The /16 of RFC 1918.
cidrs = st.one_of(
    st.builds("10.{}.0.0/16".format, st.integers(0, 255)),
    st.builds("172.{}.0.0/16".format, st.integers(16, 31)),
    st.just("192.168.0.0/16"),
)
zone_counts = st.integers(1, MOST_ZONES)


def networks(zones: list[Zone]) -> list[IPv4Network]:
    return [IPv4Network(cidr) for zone in zones for cidr in astuple(zone)]


@given(cidrs, zone_counts)
def test_no_two_subnets_overlap(cidr: str, count: int) -> None:
    assert not [(a, b) for a, b in combinations(networks(plan(cidr, count)), 2) if a.overlaps(b)]


@given(cidrs, zone_counts)
def test_every_subnet_lies_within_the_vpc(cidr: str, count: int) -> None:
    assert all(network.subnet_of(IPv4Network(cidr)) for network in networks(plan(cidr, count)))


@given(cidrs, zone_counts, zone_counts)
def test_another_zone_leaves_the_others_where_they_are(cidr: str, fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))
    assert plan(cidr, more)[:fewer] == plan(cidr, fewer)


@given(cidrs, zone_counts)
def test_tasks_have_room_for_a_deployment_of_the_largest_service(cidr: str, count: int) -> None:
    for zone in plan(cidr, count):
        assert IPv4Network(zone.private).num_addresses == 4096
        # 27 is the smallest that a load balancer takes.
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
        assert IPv4Network(zone.public).prefixlen <= 27


def test_the_plan_is_what_it_was_when_the_first_stack_was_made() -> None:
    assert plan("10.20.0.0/16", 3) == [
        Zone("10.20.64.0/24", "10.20.0.0/20", "10.20.80.0/24"),
        Zone("10.20.65.0/24", "10.20.16.0/20", "10.20.81.0/24"),
        Zone("10.20.66.0/24", "10.20.32.0/20", "10.20.82.0/24"),
    ]


def test_staging_and_production_could_be_connected() -> None:
    files = [release.ROOT / f"Pulumi.{stack}.yaml" for stack in ("staging", "production")]
    staging, production = (yaml.safe_load(file.read_text())["config"]["nuggetwise:network"]["cidr"] for file in files)
    assert not IPv4Network(staging).overlaps(IPv4Network(production))


@pytest.mark.parametrize(("cidr", "zones"), [("10.20.0.0/17", 2), ("10.20.0.0/16", 0), ("10.20.0.0/16", 5)])
def test_what_does_not_fit_the_plan_is_refused(cidr: str, zones: int) -> None:
    with pytest.raises(ValueError, match=r"is no /16|zones"):
        plan(cidr, zones)
