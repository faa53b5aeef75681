"""What Cloudflare caches, filters and limits: plain functions of the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.settings import Cloudflare

if TYPE_CHECKING:
    from pulumi_cloudflare import RulesetRuleArgsDict

API = 'starts_with(http.request.uri.path, "/api/")'

# Files whose content never changes under one name, or whose origin says how long it may be kept.
STATIC = ("avif", "css", "gif", "ico", "jpg", "jpeg", "js", "png", "svg", "webp", "woff", "woff2")

# The same for all of Cloudflare's customers: https://developers.cloudflare.com/waf/managed-rules/
MANAGED_RULES = {
    "Cloudflare": "efb7b8c949ac4650a09736fc376e9aee",
    "OWASP": "4814384a9e5d4991b9815dcfc25d2f1f",
}

# All that the free plan has: one rule, this long, counted in each data centre by itself, on a path only.
# https://developers.cloudflare.com/waf/rate-limiting-rules/#availability
WINDOW_SECONDS = 10


@dataclass(frozen=True)
class Ruleset:
    """The rules of one phase. Cloudflare has one such set a phase and zone, so it is ours whole."""

    name: str
    phase: str
    rules: Sequence["RulesetRuleArgsDict"]


def rulesets(cloudflare: Cloudflare) -> list[Ruleset]:
    """What the zone's settings and its plan call for."""
    found = [Ruleset("cache", "http_request_cache_settings", cache_rules(cloudflare.api_hosts))]
    if cloudflare.plan_features.waf_managed_rules:
        found.append(Ruleset("managed-rules", "http_request_firewall_managed", managed_rules(cloudflare.api_hosts)))
    if cloudflare.rate_limit is not None:
        hosts = cloudflare.api_hosts if cloudflare.plan_features.rate_limit_by_host else ()
        found.append(Ruleset("rate-limit", "http_ratelimit", [rate_limit(cloudflare.rate_limit, hosts)]))
    return found


def of_hosts(hosts: Sequence[str]) -> str:
    """The condition that a request is for one of `hosts`."""
    return f"http.host in {_one_of(hosts)}"


def _one_of(values: Sequence[str]) -> str:
    return "{" + " ".join(f'"{value}"' for value in values) + "}"


def cache_rules(hosts: Sequence[str]) -> list["RulesetRuleArgsDict"]:
    """Static files are cached for as long as their origin says; what is under /api never is.

    Of several rules that match, the last wins, so that /api/docs/app.js, which is both, is not cached.
    https://developers.cloudflare.com/cache/how-to/cache-rules/order/
    """
    static = f"http.request.uri.path.extension in {_one_of(STATIC)}"
    return [
        {
            "ref": "static",
            "description": "Static files, for as long as the origin says",
            "expression": f"{of_hosts(hosts)} and {static}",
            "action": "set_cache_settings",
            "action_parameters": {"cache": True, "edge_ttl": {"mode": "respect_origin"}},
        },
        {
            "ref": "api",
            "description": "Never what is under /api",
            "expression": f'{of_hosts(hosts)} and (http.request.uri.path eq "/api" or {API})',
            "action": "set_cache_settings",
            "action_parameters": {"cache": False},
        },
    ]


def managed_rules(hosts: Sequence[str]) -> list["RulesetRuleArgsDict"]:
    """The paid plans' managed rules, on our hosts. The free plan's own set is on by itself, and is not declared."""
    return [
        {
            "ref": name.lower(),
            "description": f"Managed rules of {name}",
            "expression": of_hosts(hosts),
            "action": "execute",
            "action_parameters": {"id": ruleset},
        }
        for name, ruleset in MANAGED_RULES.items()
    ]


def rate_limit(requests: int, hosts: Sequence[str]) -> "RulesetRuleArgsDict":
    """Refuses an address for WINDOW_SECONDS that sent more than `requests` to /api/ in as long.

    It blunts a flood; it is not the API's own limit, which counts over 15 minutes and everywhere. Without `hosts` it
    holds for each proxied host of the zone, since the free plan's rule sees no host.
    """
    return {
        "ref": "api",
        "description": f"{requests} requests in {WINDOW_SECONDS} s on /api/, per address and data centre",
        "expression": f"{of_hosts(hosts)} and {API}" if hosts else API,
        "action": "block",
        "ratelimit": {
            "characteristics": ["cf.colo.id", "ip.src"],
            "period": WINDOW_SECONDS,
            "requests_per_period": requests,
            "mitigation_timeout": WINDOW_SECONDS,
        },
    }
