"""The certificate that the load balancer shows to Cloudflare."""

import pulumi
import pulumi_aws as aws

from infra.dns.record import record
from infra.settings import Settings


class Certificate(pulumi.ComponentResource):
    """A certificate of ACM for the API's host name. AWS renews it as long as its validation record is in the zone."""

    arn: pulumi.Output[str]
    """Known once the certificate is issued."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Certificate", name, None, opts)
        assert settings.api.hostname is not None
        child = pulumi.ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            name,
            domain_name=settings.api.hostname,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            opts=child,
        )
        asked = certificate.domain_validation_options[0]
        # AWS ends names with a dot and Cloudflare does not, which would show as a change each time.
        host, content = (
            value.apply(lambda known: known.rstrip("."))
            for value in (asked.resource_record_name, asked.resource_record_value)
        )
        proof = record(f"{name}-validation", settings, "CNAME", host, content, child)
        issued = aws.acm.CertificateValidation(
            name, certificate_arn=certificate.arn, validation_record_fqdns=[proof.name], opts=child
        )
        self.arn = issued.certificate_arn
        self.register_outputs({})
