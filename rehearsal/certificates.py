"""How a certificate of ACM comes to be issued: its validation records must stand in DNS."""

from collections.abc import Mapping
from typing import Any

from rehearsal.cloud import Cloud, Missing, Record
from rehearsal.refusals import Refused

CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
LISTENER = "aws:lb/listener:Listener"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"


def check(cloud: Cloud, token: str, inputs: Mapping[str, Any]) -> None:
    """Issues the certificate that is waited for. Raises Refused when that is in vain, or when one is used too early."""
    arn = inputs.get("certificateArn")
    if token not in (VALIDATION, LISTENER) or arn is None:
        return
    try:
        certificate = cloud.one(CERTIFICATE, arn=arn)
    except Missing:
        raise Refused(f"ResourceNotFoundException: Could not find certificate {arn}.") from None
    if token == VALIDATION:
        _issue(cloud, certificate)
    elif certificate.outputs["status"] != "ISSUED":
        raise Refused(
            f"UnsupportedCertificate: The certificate '{arn}' must have a fully-qualified domain name, a supported"
            " signature, and a supported key size."
        )


def _issue(cloud: Cloud, certificate: Record) -> None:
    published = {
        (record.outputs["name"].rstrip("."), str(record.outputs.get("content")).rstrip("."))
        for record in cloud.list(DNS_RECORD)
    }
    for option in certificate.outputs["domainValidationOptions"]:
        wanted = option["resourceRecordName"].rstrip("."), option["resourceRecordValue"].rstrip(".")
        if wanted not in published:
            raise Refused(
                "timeout while waiting for state to become 'ISSUED' (last state: 'PENDING_VALIDATION'): DNS has no"
                f" record {wanted[0]} for {option['domainName']}"
            )
    cloud.change(certificate, status="ISSUED", renewalEligibility="ELIGIBLE")
