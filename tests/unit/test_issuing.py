"""The stack's own certificate authority."""

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest

from infra import issuing


@pytest.fixture(scope="module")
def authority() -> tuple[str, str]:
    return issuing.issue_authority("test")


def handshake(tmp_path: Path, pair: tuple[str, str], trusted: str, host: str) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "pair.pem").write_text(pair[0] + pair[1])
    server_side.load_cert_chain(tmp_path / "pair.pem")
    client_side = ssl.create_default_context(cadata=trusted)
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            server_side.wrap_socket(left, server_side=True).close()
        except OSError:
            left.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client_side.wrap_socket(right, server_hostname=host).close()
    finally:
        right.close()
        thread.join()


@pytest.mark.parametrize("host", ["object-store", "127.0.0.1"])
def test_a_strict_client_that_trusts_the_authority_accepts_its_servers(
    tmp_path: Path, authority: tuple[str, str], host: str
) -> None:
    pair = issuing.issue_server(*authority, ["object-store", "127.0.0.1"])
    handshake(tmp_path, pair, authority[0], host)


def test_another_name_is_refused(tmp_path: Path, authority: tuple[str, str]) -> None:
    pair = issuing.issue_server(*authority, ["object-store"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair, authority[0], "other")


def test_another_authority_is_refused(tmp_path: Path, authority: tuple[str, str]) -> None:
    stranger, _ = issuing.issue_authority("stranger")
    pair = issuing.issue_server(*authority, ["object-store"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, pair, stranger, "object-store")


def test_a_certificate_is_renewed_in_time_and_not_before(authority: tuple[str, str]) -> None:
    certificate, _ = issuing.issue_server(*authority, ["object-store"])
    now = dt.datetime.now(dt.UTC)
    assert not issuing.due_for_renewal(certificate, now)
    assert issuing.due_for_renewal(certificate, now + issuing.SERVER_LIFE - dt.timedelta(days=80))
