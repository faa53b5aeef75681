"""Who calls: the peer, or whom a trusted proxy says it serves."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from app.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

UNKNOWN = "unknown"


class ClientAddress:
    """Reads X-Forwarded-For from the right, as far as the hops are trusted: what stands left of them is hearsay."""

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted_proxies = tuple(trusted_proxies)
        self._is_trusted = lru_cache(maxsize=1024)(self._in_trusted_proxies)

    def of(self, peer: str | None, forwarded_for: str | None) -> str:
        """The client's address; `forwarded_for` is the header's value, several joined by commas."""
        if peer is None:
            return UNKNOWN
        if not forwarded_for or not self._is_trusted(peer):
            return peer
        client = peer
        for hop in reversed(forwarded_for.split(",")):
            address = parse_address(hop)
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(client):
                break
        return client

    def _in_trusted_proxies(self, text: str) -> bool:
        address = parse_address(text)
        return address is not None and any(address in network for network in self._trusted_proxies)


def parse_address(text: str) -> Address | None:
    """An address as proxies write it: `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]:567`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows an IPv4 peer as ::ffff:1.2.3.4.
    return getattr(address, "ipv4_mapped", None) or address
