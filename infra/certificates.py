"""A stack's own certificate authority and the certificates that it signs."""

import secrets
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

# What issues certificates is imported by the providers' own process alone: each preview would wait for it twice.


class AuthorityProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        from infra.issuing import issue_authority

        certificate, key = issue_authority(props["common_name"])
        return CreateResult(secrets.token_hex(8), {**props, "certificate": certificate, "private_key": key})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from infra.issuing import due_for_renewal

        changed = olds["common_name"] != news["common_name"] or due_for_renewal(olds["certificate"])
        return DiffResult(changes=changed, replaces=["common_name"] if changed else [])


class CertificateAuthority(Resource, name="CertificateAuthority"):
    """Signs the certificates of one stack. `certificate` is what its clients trust."""

    certificate: pulumi.Output[str]
    private_key: pulumi.Output[str]

    def __init__(self, name: str, common_name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["private_key"]))
        props = {"common_name": common_name, "certificate": None, "private_key": None}
        super().__init__(AuthorityProvider(), name, props, options)


class ServerCertificateProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        from infra.issuing import issue_server

        certificate, key = issue_server(props["authority"], props["authority_key"], props["hosts"])
        return CreateResult(secrets.token_hex(8), {**props, "certificate": certificate, "private_key": key})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from infra.issuing import due_for_renewal

        replaces = [key for key in ("authority", "hosts") if olds[key] != news[key]]
        if not replaces and due_for_renewal(olds["certificate"]):
            replaces = ["hosts"]
        return DiffResult(changes=bool(replaces), replaces=replaces)


class ServerCertificate(Resource, name="ServerCertificate"):
    """A certificate for a server inside the stack, signed by the stack's authority and renewed by `pulumi up`."""

    certificate: pulumi.Output[str]
    private_key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        authority: CertificateAuthority,
        hosts: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        options = pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(additional_secret_outputs=["private_key", "authority_key"])
        )
        props = {
            "authority": authority.certificate,
            "authority_key": authority.private_key,
            "hosts": list(hosts),
            "certificate": None,
            "private_key": None,
        }
        super().__init__(ServerCertificateProvider(), name, props, options)
