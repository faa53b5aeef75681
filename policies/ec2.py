"""Networks: https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pulumi_policy import PolicyResource, Severity

from policies.control import Control, Props, ResourceControl, Stack, StackControl, at, has

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
INSTANCE = "aws:ec2/instance:Instance"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
# The provider knows three ways to write down what a security group lets in; the group's own list is the first.
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
NETWORK_ACL = "aws:ec2/networkAcl:NetworkAcl"
NETWORK_ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"

AUTHORIZED_PORTS = {80, 443}  # EC2.18's default
# EC2.19's own list
RISKY_PORTS = frozenset(
    {
        *(20, 21, 22, 23, 25, 110, 135, 143, 445, 3389),  # files, shells and mail
        *(1433, 1434, 3306, 4333, 5432, 5500, 9200, 9300),  # databases
        *(3000, 5000, 5601, 8080, 8088, 8888),  # consoles and development servers
    }
)
REMOTE_CONTROL_PORTS = {22, 3389}


@dataclass(frozen=True)
class Opening:
    """Ports that a rule opens to the whole internet. `protocol` is tcp, udp, another's name or number, or -1: all."""

    protocol: str
    first: int
    last: int

    @classmethod
    def of(cls, protocol: object, first: float | None, last: float | None) -> "Opening":
        name = {"6": "tcp", "17": "udp", "all": "-1"}.get(str(protocol).lower(), str(protocol).lower())
        if name == "-1":
            return cls(name, 0, 65535)
        return cls(name, int(first or 0), int(first or 0) if last is None else int(last))

    def includes(self, port: int) -> bool:
        return self.protocol in ("tcp", "udp", "-1") and self.first <= port <= self.last

    def __str__(self) -> str:
        if self.protocol == "-1":
            return "everything"
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {ports}"


def _is_everywhere(cidr: object) -> bool:
    return str(cidr).endswith("/0")


def openings(props: Props) -> Iterator[Opening]:
    """What a security group or one of its rules opens to the whole internet."""
    rules = [*(props.get("ingress") or ()), *([props] if props.get("type") == "ingress" else [])]
    for rule in rules:
        if any(map(_is_everywhere, [*(rule.get("cidrBlocks") or ()), *(rule.get("ipv6CidrBlocks") or ())])):
            yield Opening.of(rule.get("protocol"), rule.get("fromPort"), rule.get("toPort"))
    if has(props, "ipProtocol") and (_is_everywhere(props.get("cidrIpv4")) or _is_everywhere(props.get("cidrIpv6"))):
        yield Opening.of(props["ipProtocol"], props.get("fromPort"), props.get("toPort"))


def acl_openings(props: Props) -> Iterator[Opening]:
    """What a network ACL or one of its rules opens to the whole internet."""
    rules = [(rule, rule.get("action")) for rule in props.get("ingress") or ()]
    if has(props, "ruleAction") and not props.get("egress"):
        rules.append((props, props["ruleAction"]))
    for rule, action in rules:
        everywhere = _is_everywhere(rule.get("cidrBlock")) or _is_everywhere(rule.get("ipv6CidrBlock"))
        if everywhere and str(action).lower() == "allow":
            yield Opening.of(rule.get("protocol"), rule.get("fromPort"), rule.get("toPort"))


def no_opening(
    found: Callable[[Props], Iterator[Opening]], wrong: Callable[[Opening], bool]
) -> Callable[[Props], str | None]:
    """A check that nothing is opened to the whole internet that is `wrong`."""

    def check(props: Props) -> str | None:
        opened = ", ".join(str(opening) for opening in found(props) if wrong(opening))
        return f"it opens {opened} to the whole internet" if opened else None

    return check


def unauthorized(opening: Opening) -> bool:
    return not (opening.protocol == "tcp" and opening.first == opening.last and opening.first in AUTHORIZED_PORTS)


def risky(opening: Opening) -> bool:
    return any(map(opening.includes, RISKY_PORTS))


def for_remote_control(opening: Opening) -> bool:
    return opening.protocol != "udp" and any(map(opening.includes, REMOTE_CONTROL_PORTS))


def default_group_closed(vpc: PolicyResource, stack: Stack) -> str | None:
    groups = stack.attached(vpc, DEFAULT_GROUP, "vpcId")
    if not groups:
        return "its default security group is not declared, so it keeps the rules that AWS gave it"
    for group in groups:
        rules = [
            r
            for kind in (GROUP_RULE, INGRESS_RULE, EGRESS_RULE)
            for r in stack.attached(group, kind, "securityGroupId")
        ]
        if group.props.get("ingress") or group.props.get("egress") or rules:
            return f"its default security group {group.name} has rules"
    return None


def flows_logged(vpc: PolicyResource, stack: Stack) -> str | None:
    kinds = [log.props.get("trafficType") for log in stack.attached(vpc, FLOW_LOG, "vpcId")]
    return None if {"ALL", "REJECT"}.intersection(kinds) else "no flow log records what is rejected"


def metadata_by_token(props: Props) -> str | None:
    return (
        None
        if at(props, "metadataOptions.httpTokens") == "required"
        else "`metadataOptions.httpTokens` is not required"
    )


def no_public_addresses(subnet: Props) -> str | None:
    given = [key for key in ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation") if subnet.get(key)]
    return f"`{given[0]}` is true" if given else None


CONTROLS: tuple[Control, ...] = (
    StackControl(
        id="EC2.2",
        title="A VPC's default security group is closed",
        severity=Severity.HIGH,
        types=(VPC,),
        check=default_group_closed,
        reason="Whatever is put into it by mistake could talk to all others in it.",
        fix="declare an `aws.ec2.DefaultSecurityGroup` with the VPC's id and no rules.",
    ),
    StackControl(
        id="EC2.6",
        title="A VPC logs the traffic that it rejects",
        severity=Severity.MEDIUM,
        types=(VPC,),
        check=flows_logged,
        reason="Nobody could see who tried what, nor why something does not connect.",
        fix='declare an `aws.ec2.FlowLog` with the VPC\'s id and `traffic_type="REJECT"` or `"ALL"`.',
    ),
    ResourceControl(
        id="EC2.8",
        title="A machine gives its credentials to whoever has a token only",
        severity=Severity.HIGH,
        types=(INSTANCE, LAUNCH_TEMPLATE),
        check=metadata_by_token,
        reason="With IMDSv1 one forged request from a program on it is enough to take them.",
        fix='set `metadata_options={"http_tokens": "required"}`.',
    ),
    ResourceControl(
        id="EC2.15",
        title="A subnet gives out no public addresses by itself",
        severity=Severity.MEDIUM,
        types=(SUBNET,),
        check=no_public_addresses,
        reason="What starts in it could be reached from the internet, asked for or not.",
        fix="set `map_public_ip_on_launch=False`; load balancers and NAT gateways bring their own addresses.",
    ),
    ResourceControl(
        id="EC2.18",
        title="A security group opens 80 and 443 to the whole internet, if anything",
        severity=Severity.HIGH,
        types=(GROUP, DEFAULT_GROUP, GROUP_RULE, INGRESS_RULE),
        check=no_opening(openings, unauthorized),
        reason="Everything else that listens there is not made for strangers.",
        fix="name who may come in: a security group, a prefix list or addresses.",
    ),
    ResourceControl(
        id="EC2.19",
        title="A security group opens no port of high risk to the whole internet",
        severity=Severity.CRITICAL,
        types=(GROUP, DEFAULT_GROUP, GROUP_RULE, INGRESS_RULE),
        check=no_opening(openings, risky),
        reason="Databases, remote shells and development servers are what scanners look for.",
        fix="name who may come in: a security group, a prefix list or addresses.",
    ),
    ResourceControl(
        id="EC2.21",
        title="A network ACL opens neither SSH nor RDP to the whole internet",
        severity=Severity.MEDIUM,
        types=(NETWORK_ACL, NETWORK_ACL_RULE),
        check=no_opening(acl_openings, for_remote_control),
        reason="One security group opened by mistake would then be all it takes.",
        fix="leave 22 and 3389 out of what it allows; a range for answers is two ranges, before and after 3389.",
    ),
)
