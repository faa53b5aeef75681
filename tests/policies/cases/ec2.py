from typing import Any

from policies import ec2

from ..declared import UNKNOWN, Case, Sample, declared

VPC = declared(ec2.VPC, "network")
DEFAULT = declared(ec2.DEFAULT_GROUP, "network", {"ingress": [], "egress": []}, vpcId=VPC)


def group(protocol: str, first: float, last: float, *cidrs: str) -> Sample:
    """A security group that says in itself what it lets in."""
    rule = {"protocol": protocol, "fromPort": first, "toPort": last, "cidrBlocks": list(cidrs)}
    return [declared(ec2.GROUP, "group", {"ingress": [rule]})]


def rule(protocol: str, first: float, last: float, *cidrs: str, **changes: Any) -> Sample:
    """A rule by the provider's older resource."""
    props = {"type": "ingress", "protocol": protocol, "fromPort": first, "toPort": last, "cidrBlocks": list(cidrs)}
    return [declared(ec2.GROUP_RULE, "rule", {**props, **changes})]


def ingress(protocol: str, first: float, last: float, **source: Any) -> Sample:
    """A rule by the provider's newer resource."""
    props = {"ipProtocol": protocol, "fromPort": first, "toPort": last, **source}
    return [declared(ec2.INGRESS_RULE, "rule", props)]


def acl(protocol: str, first: float, last: float, action: str = "allow", cidr: str = "0.0.0.0/0") -> Sample:
    rule = {"protocol": protocol, "fromPort": first, "toPort": last, "action": action, "cidrBlock": cidr}
    return [declared(ec2.NETWORK_ACL, "acl", {"ingress": [rule]})]


def acl_rule(protocol: str, first: float, last: float, **props: Any) -> Sample:
    rule = {"protocol": protocol, "fromPort": first, "toPort": last, "ruleAction": "allow", **props}
    return [declared(ec2.NETWORK_ACL_RULE, "rule", rule)]


CASES = {
    "EC2.2": Case(
        [[VPC, DEFAULT], [declared(ec2.SUBNET, "a")]],
        [
            [VPC],
            [VPC, declared(ec2.DEFAULT_GROUP, "network", {"ingress": [{"protocol": "-1"}]}, vpcId=VPC)],
            [VPC, DEFAULT, declared(ec2.EGRESS_RULE, "out", {"ipProtocol": "-1"}, securityGroupId=DEFAULT)],
        ],
    ),
    "EC2.6": Case(
        [
            [VPC, declared(ec2.FLOW_LOG, "flows", {"trafficType": "ALL"}, vpcId=VPC)],
            [VPC, declared(ec2.FLOW_LOG, "flows", {"trafficType": "REJECT"}, vpcId=VPC)],
        ],
        [
            [VPC],
            [VPC, declared(ec2.FLOW_LOG, "flows", {"trafficType": "ACCEPT"}, vpcId=VPC)],
            [VPC, declared(ec2.FLOW_LOG, "flows", {"trafficType": "ALL"}, vpcId=declared(ec2.VPC, "another"))],
        ],
    ),
    "EC2.8": Case(
        [
            [declared(ec2.INSTANCE, "a", {"metadataOptions": {"httpTokens": "required"}})],
            [declared(ec2.LAUNCH_TEMPLATE, "a", {"metadataOptions": {"httpTokens": "required"}})],
        ],
        [
            [declared(ec2.INSTANCE, "a")],
            [declared(ec2.LAUNCH_TEMPLATE, "a", {"metadataOptions": {"httpTokens": "optional"}})],
        ],
    ),
    "EC2.15": Case(
        [[declared(ec2.SUBNET, "a", {"mapPublicIpOnLaunch": False})], [declared(ec2.SUBNET, "a")]],
        [
            [declared(ec2.SUBNET, "a", {"mapPublicIpOnLaunch": True})],
            [declared(ec2.SUBNET, "a", {"assignIpv6AddressOnCreation": True})],
        ],
    ),
    "EC2.18": Case(
        [
            group("tcp", 443, 443, "0.0.0.0/0"),
            group("tcp", 5433, 5433, "10.0.0.0/16"),
            rule("tcp", 80, 80, "0.0.0.0/0"),
            rule("-1", 0, 0, "0.0.0.0/0", type="egress"),
            rule("tcp", 5433, 5433, sourceSecurityGroupId=UNKNOWN),
            ingress("tcp", 443, 443, cidrIpv6="::/0"),
            ingress("tcp", 443, 443, prefixListId=UNKNOWN),
            ingress("tcp", 5433, 5433, referencedSecurityGroupId=UNKNOWN),
        ],
        [
            group("tcp", 8443, 8443, "10.0.0.0/16", "0.0.0.0/0"),
            group("-1", 0, 0, "0.0.0.0/0"),
            group("tcp", 80, 443, "0.0.0.0/0"),
            group("udp", 443, 443, "0.0.0.0/0"),
            rule("tcp", 8443, 8443, "0.0.0.0/0"),
            rule("tcp", 8443, 8443, ipv6CidrBlocks=["::/0"]),
            ingress("tcp", 8443, 8443, cidrIpv4="0.0.0.0/0"),
            ingress("tcp", 8443, 8443, cidrIpv6="::/0"),
            ingress("-1", 0, 0, cidrIpv4="0.0.0.0/0"),
        ],
    ),
    "EC2.19": Case(
        [
            group("tcp", 443, 443, "0.0.0.0/0"),
            group("tcp", 22, 22, "192.0.2.0/24"),
            rule("tcp", 22, 22, "0.0.0.0/0", type="egress"),
            ingress("tcp", 5432, 5432, referencedSecurityGroupId=UNKNOWN),
            ingress("icmp", 8, 0, cidrIpv4="0.0.0.0/0"),
        ],
        [
            group("tcp", 22, 22, "0.0.0.0/0"),
            group("6", 3000, 3000, "0.0.0.0/0"),
            rule("tcp", 0, 65535, "0.0.0.0/0"),
            rule("tcp", 3389, 3389, ipv6CidrBlocks=["::/0"]),
            ingress("tcp", 5432, 5432, cidrIpv4="0.0.0.0/0"),
            ingress("-1", 0, 0, cidrIpv6="::/0"),
        ],
    ),
    "EC2.21": Case(
        [
            acl("tcp", 443, 443),
            acl("tcp", 22, 22, action="deny"),
            acl("tcp", 22, 22, cidr="10.0.0.0/16"),
            acl_rule("tcp", 22, 22, egress=True, cidrBlock="0.0.0.0/0"),
            acl_rule("tcp", 3390, 65535, cidrBlock="0.0.0.0/0"),
        ],
        [
            acl("tcp", 22, 22),
            acl("-1", 0, 0),
            acl_rule("6", 1024, 65535, cidrBlock="0.0.0.0/0"),
            acl_rule("tcp", 3389, 3389, ipv6CidrBlock="::/0"),
        ],
    ),
}
