"""What happens to a stack's resources behind its back: somebody at a console, in a hurry."""

from rehearsal.cloud import Cloud, Record

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
INSTANCE = "aws:rds/instance:Instance"


def meddle(cloud: Cloud) -> dict[str, str]:
    """Changes three things. Returns what was done, by the URN of what it was done to."""
    rule, record, database = (_first(cloud, kind) for kind in (RULE, DNS_RECORD, INSTANCE))
    cloud.change(rule, fromPort=0, toPort=65535)
    cloud.delete(record)
    cloud.change(database, backupRetentionPeriod=1)
    return {
        rule.urn: f"security group rule {rule.name} opened to every port",
        record.urn: f"DNS record {record.name} deleted",
        database.urn: f"backups of {database.name} cut to one day",
    }


def _first(cloud: Cloud, kind: str) -> Record:
    """Always the same one, so that two rehearsals are alike. Of the stack's own, not of the bootstrap stack's."""
    return min((record for record in cloud.list(kind) if "::nuggetwise::" in record.urn), key=lambda each: each.urn)
