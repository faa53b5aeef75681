"""The S3-compatible object store that holds the backups bucket, behind TLS with the stack's own authority."""

import pulumi
import pulumi_docker as docker

from infra.certificates import CertificateAuthority, ServerCertificate
from infra.container import local as container
from infra.generated_secret import GeneratedSecret
from infra.image import local as image
from infra.settings import Settings

ALIAS = "object-store"
# For the other containers of the stack.
INSIDE = f"https://{ALIAS}:9000"


class ObjectStore(pulumi.ComponentResource):
    """`https://object-store:9000` inside the stack's network, `https://127.0.0.1:<port>` on this machine.

    The S3 server itself speaks plain HTTP; nginx terminates TLS in front of it and streams, so that a part of any size
    passes in bounded memory. Whoever knows the two keys may do everything.
    """

    url: str
    authority: pulumi.Output[str]
    access_key: pulumi.Output[str]
    secret_key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        port: int,
        nginx: docker.RemoteImage,
        network: docker.Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:ObjectStore", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        last = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        self.access_key = GeneratedSecret(f"{name}-access-key", child).value
        self.secret_key = GeneratedSecret(f"{name}-secret-key", child).value
        authority = CertificateAuthority(f"{name}-authority", f"Nuggetwise {settings.name} stack", child)
        certificate = ServerCertificate(f"{name}-certificate", authority, [ALIAS, "localhost", "127.0.0.1"], child)
        container.run(
            f"{name}-files",
            settings.name,
            container.Spec(
                component="object-store-files",
                image=image.build("object-store", child),
                # Answers 403 to an unsigned request, which is all a probe can be.
                probe=container.Probe(["curl", "-sS", "-o", "/dev/null", "http://127.0.0.1:9001/"], interval=10),
                memory=256,
                environment={
                    "BUCKET": settings.backups.bucket,
                    "S3_ACCESS_KEY": self.access_key,
                    "S3_SECRET_KEY": self.secret_key,
                },
                aliases=["object-store-files"],
                volumes={"/var/lib/object-store": container.volume(f"{name}-data", settings.name, ALIAS, child)},
            ),
            network,
            last,
        )
        container.run(
            name,
            settings.name,
            container.Spec(
                component=ALIAS,
                image=nginx,
                command=["start", "object-store"],
                probe=container.Probe(
                    ["curl", "-fsSk", "-o", "/dev/null", "https://127.0.0.1:9000/load-balancer/health"], interval=10
                ),
                memory=128,
                environment={"TLS_CERTIFICATE": certificate.certificate, "TLS_KEY": certificate.private_key},
                aliases=[ALIAS],
                ports={9000: port},
            ),
            network,
            last,
        )
        self.url = f"https://127.0.0.1:{port}"
        self.authority = authority.certificate
        self.register_outputs({})
