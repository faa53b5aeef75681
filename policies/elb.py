"""Load balancers: https://docs.aws.amazon.com/securityhub/latest/userguide/elb-controls.html"""

from pulumi_policy import Severity

from policies.control import Control, Props, ResourceControl, at, must_be_true

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"

# ELB.17's own list. The widespread ELBSecurityPolicy-TLS13-1-2-2021-06 is no longer on it: it allows CBC ciphers.
TLS_POLICIES = frozenset(
    {
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
        "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    }
)
FEWEST_ZONES = 2


def _is_application(props: Props) -> bool:
    return props.get("loadBalancerType", "application") == "application"


def https_only(props: Props) -> str | None:
    if props.get("protocol") != "HTTP":
        return None
    actions = props.get("defaultActions") or ()
    redirected = [action for action in actions if at(action, "redirect.protocol") == "HTTPS"]
    return (
        None if redirected and len(redirected) == len(actions) else "it answers HTTP with more than a redirect to HTTPS"
    )


def drops_invalid_headers(props: Props) -> str | None:
    return must_be_true("dropInvalidHeaderFields")(props) if _is_application(props) else None


def strict_about_requests(props: Props) -> str | None:
    mode = props.get("desyncMitigationMode", "defensive")  # AWS's default
    return f"`desyncMitigationMode` is {mode}" if _is_application(props) and mode == "monitor" else None


def in_two_zones(props: Props) -> str | None:
    zones = len(props.get("subnets") or props.get("subnetMappings") or ())
    return f"it has {zones} subnets, under {FEWEST_ZONES}" if zones < FEWEST_ZONES else None


def modern_tls(props: Props) -> str | None:
    if props.get("protocol") not in ("HTTPS", "TLS"):
        return None
    policy = props.get("sslPolicy")
    return None if policy in TLS_POLICIES else f"`sslPolicy` is {policy or 'the default, which allows TLS 1.0'}"


CONTROLS: tuple[Control, ...] = (
    ResourceControl(
        id="ELB.1",
        title="A load balancer answers HTTP with a redirect to HTTPS, if at all",
        severity=Severity.MEDIUM,
        types=(LISTENER,),
        check=https_only,
        reason="Tokens and passwords would cross the network in clear.",
        fix="remove the listener, or have its default action redirect to HTTPS.",
    ),
    ResourceControl(
        id="ELB.4",
        title="A load balancer drops invalid headers",
        severity=Severity.MEDIUM,
        types=(BALANCER,),
        check=drops_invalid_headers,
        reason="Such headers are how requests are smuggled past it.",
        fix="set `drop_invalid_header_fields=True`.",
    ),
    ResourceControl(
        id="ELB.5",
        title="A load balancer logs its requests",
        severity=Severity.MEDIUM,
        types=(BALANCER,),
        check=must_be_true("accessLogs.enabled"),
        reason="After an attack or an outage nobody could say who had asked what.",
        fix='set `access_logs={"bucket": …, "enabled": True}`.',
    ),
    ResourceControl(
        id="ELB.6",
        title="A load balancer is protected from deletion",
        severity=Severity.MEDIUM,
        types=(BALANCER,),
        check=must_be_true("enableDeletionProtection"),
        reason="One wrong command would take the API off the internet.",
        fix="set `enable_deletion_protection=True`; to take it off on purpose, use "
        "`--policy-pack-config policies/break-glass.json`.",
    ),
    ResourceControl(
        id="ELB.12",
        title="A load balancer is strict about ambiguous requests",
        severity=Severity.MEDIUM,
        types=(BALANCER,),
        check=strict_about_requests,
        reason="What it and the API read differently can poison caches and queues.",
        fix='set `desync_mitigation_mode="defensive"` or `"strictest"`.',
    ),
    ResourceControl(
        id="ELB.13",
        title="A load balancer stands in two zones or more",
        severity=Severity.MEDIUM,
        types=(BALANCER,),
        check=in_two_zones,
        reason="The loss of one zone would take the API off the internet.",
        fix="give it a public subnet of each zone.",
    ),
    ResourceControl(
        id="ELB.17",
        title="A load balancer speaks TLS by a policy that AWS recommends",
        severity=Severity.MEDIUM,
        types=(LISTENER,),
        check=modern_tls,
        reason="Older policies accept protocols and ciphers that can be broken.",
        fix='set `ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06"` or a newer one of the list.',
    ),
)
