"""The client's address: from trusted proxies only, however it is forged."""

from ipaddress import ip_network

import pytest

from app.client_address import UNKNOWN, ClientAddress

CLIENTS = ClientAddress([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "1.2.3.4:5678", "1.2.3.4"),
        ("10.0.0.1", "[2001:db8::1]:5678", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("fd00::1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4,", "10.0.0.1"),
        (None, "1.2.3.4", UNKNOWN),
    ],
)
def test_hops_are_believed_from_the_right_as_far_as_they_are_trusted(peer: str | None, forwarded_for: str, client: str):
    assert CLIENTS.of(peer, forwarded_for) == client


def test_without_trusted_proxies_the_header_means_nothing():
    assert ClientAddress([]).of("10.0.0.1", "1.2.3.4") == "10.0.0.1"
