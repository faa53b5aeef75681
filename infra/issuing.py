"""Certificates: an authority's own, and those that it signs."""

import datetime as dt
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = dt.timedelta(days=3650)
# The longest life that public clients accept for a server certificate is 825 days (Apple, since 2019).
SERVER_LIFE = dt.timedelta(days=825)
RENEWED_BEFORE = dt.timedelta(days=90)


def issue_authority(common_name: str, now: dt.datetime | None = None) -> tuple[str, str]:
    """A new certificate authority as (certificate, private key), both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        _builder(name, name, key.public_key(), key.public_key(), AUTHORITY_LIFE, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def issue_server(authority_pem: str, authority_key_pem: str, hosts: Sequence[str]) -> tuple[str, str]:
    """A server certificate for `hosts` (names or addresses) as (certificate, private key), both PEM."""
    return _issue(authority_pem, authority_key_pem, hosts, ExtendedKeyUsageOID.SERVER_AUTH, SERVER_LIFE)


def issue_client(
    authority_pem: str, authority_key_pem: str, host: str, life: dt.timedelta, now: dt.datetime | None = None
) -> tuple[str, str]:
    """A certificate for a client that calls itself `host`, as (certificate, private key), both PEM."""
    return _issue(authority_pem, authority_key_pem, [host], ExtendedKeyUsageOID.CLIENT_AUTH, life, now)


def _issue(
    authority_pem: str,
    authority_key_pem: str,
    hosts: Sequence[str],
    usage: x509.ObjectIdentifier,
    life: dt.timedelta,
    now: dt.datetime | None = None,
) -> tuple[str, str]:
    authority = x509.load_pem_x509_certificate(authority_pem.encode())
    authority_key = serialization.load_pem_private_key(authority_key_pem.encode(), password=None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    certificate = (
        _builder(name, authority.subject, key.public_key(), authority_key.public_key(), life, now)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def end_of(certificate_pem: str) -> dt.datetime:
    """When a certificate ends."""
    return x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc


def due_for_renewal(certificate_pem: str, now: dt.datetime | None = None) -> bool:
    """Whether a certificate ends within RENEWED_BEFORE."""
    return end_of(certificate_pem) - (now or dt.datetime.now(dt.UTC)) < RENEWED_BEFORE


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    life: dt.timedelta,
    now: dt.datetime | None = None,
) -> x509.CertificateBuilder:
    now = now or dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))  # a client's clock may be a little behind
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
