from typing import Any

from policies.elb import BALANCER, LISTENER

from ..declared import UNKNOWN, Case, Sample, declared

GOOD: dict[str, Any] = {
    "subnets": [UNKNOWN, UNKNOWN],
    "dropInvalidHeaderFields": True,
    "desyncMitigationMode": "strictest",
    "enableDeletionProtection": True,
    "accessLogs": {"bucket": UNKNOWN, "enabled": True},
}
FORWARD = {"type": "forward", "targetGroupArn": UNKNOWN}
REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}


def balancer(**changes: Any) -> Sample:
    return [declared(BALANCER, "api", {**GOOD, **changes})]


def without(key: str) -> Sample:
    return [declared(BALANCER, "api", {k: v for k, v in GOOD.items() if k != key})]


def listener(protocol: str, action: dict[str, Any], **props: Any) -> Sample:
    return [declared(LISTENER, "https", {"protocol": protocol, "defaultActions": [action], **props})]


CASES = {
    "ELB.1": Case(
        [listener("HTTPS", FORWARD), listener("HTTP", REDIRECT)],
        [
            listener("HTTP", FORWARD),
            listener("HTTP", {"type": "redirect", "redirect": {"protocol": "HTTP"}}),
            [declared(LISTENER, "http", {"protocol": "HTTP"})],
        ],
    ),
    "ELB.4": Case(
        [balancer(), [declared(BALANCER, "network", {"loadBalancerType": "network"})]],
        [balancer(dropInvalidHeaderFields=False), without("dropInvalidHeaderFields")],
    ),
    "ELB.5": Case(
        [balancer()],
        [balancer(accessLogs={"bucket": "logs", "enabled": False}), without("accessLogs")],
    ),
    "ELB.6": Case([balancer()], [balancer(enableDeletionProtection=False), without("enableDeletionProtection")]),
    "ELB.12": Case(
        [balancer(), without("desyncMitigationMode"), balancer(desyncMitigationMode="defensive")],
        [balancer(desyncMitigationMode="monitor")],
    ),
    "ELB.13": Case([balancer(), balancer(subnets=["a", "b", "c"])], [balancer(subnets=["a"]), without("subnets")]),
    "ELB.17": Case(
        [listener("HTTPS", FORWARD, sslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06"), listener("HTTP", REDIRECT)],
        [
            listener("HTTPS", FORWARD),
            listener("HTTPS", FORWARD, sslPolicy="ELBSecurityPolicy-2016-08"),
            listener("TLS", FORWARD, sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"),
        ],
    ),
}
