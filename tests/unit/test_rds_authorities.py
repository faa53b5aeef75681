"""The certificate authorities by which the images know RDS."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509

from infra.database.aws import AUTHORITY, ROOT_CERTIFICATES
from infra.release import IMAGE_SOURCES, ROOT

FILE = ROOT / "images" / "api" / "rds-ca.pem"
NAME = re.compile(r"Amazon RDS ([a-z]{2}(?:-[a-z]+)+-\d) Root CA (RSA2048|RSA4096|ECC384) G1")

CERTIFICATES = x509.load_pem_x509_certificates(FILE.read_bytes())


def name_of(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=name_of)
def test_each_is_a_root_of_rds_that_is_valid_for_years(certificate: x509.Certificate) -> None:
    assert NAME.fullmatch(name_of(certificate)), "no preview, no beta, nobody else"
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    certificate.verify_directly_issued_by(certificate)
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now
    assert certificate.not_valid_after_utc > now + timedelta(days=3 * 365)


def test_each_is_there_once() -> None:
    assert len({name_of(certificate) for certificate in CERTIFICATES}) == len(CERTIFICATES)


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_both_regions_of_a_committed_stack_have_theirs(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]["nuggetwise:aws"]
    for region in (config["region"], config["copy_region"]):
        kinds = {m[2] for c in CERTIFICATES if (m := NAME.fullmatch(name_of(c))) and m[1] == region}
        assert kinds == {"RSA2048", "RSA4096", "ECC384"}, f"{region}: the database asks for {AUTHORITY}"


def test_the_image_carries_them_where_the_urls_name_them() -> None:
    lines = (ROOT / "images" / "api" / "Dockerfile").read_text().splitlines()
    workdir = next(line.split()[1] for line in lines if line.startswith("WORKDIR"))
    (copied,) = [line.split() for line in lines if "rds-ca.pem" in line and line.startswith("COPY")]
    assert copied[1] == "images/api/rds-ca.pem"
    assert f"{workdir}/{copied[2]}" == ROOT_CERTIFICATES
    assert "images/api" in IMAGE_SOURCES["api"], "another list of authorities is another image"
