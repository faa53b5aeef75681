"""The certificate that Cloudflare shows at load balancers: never one that they do not trust yet, never an ended one."""

import datetime as dt
import itertools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap import origin_pull_deployment
from bootstrap.origin_pull_deployment import NotDeployedError, certificate_status, wait
from bootstrap.origin_pull_identity import (
    AUTHORITY_SETTLES,
    Identity,
    Issued,
    OriginPullIdentityProvider,
    renewed,
)
from infra import issuing

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def parsed(issued: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued["certificate"].encode())


def signed_by(client: Issued, authorities: list[Issued]) -> x509.Certificate | None:
    certificate = parsed(client)
    for authority in map(parsed, authorities):
        try:
            certificate.verify_directly_issued_by(authority)
        except Exception:  # noqa: S112 - any failure means: not this one
            continue
        return authority
    return None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 270), min_size=60, max_size=90))
def test_in_decades_of_updates_no_request_meets_a_load_balancer_that_refuses_it(gaps: list[int]) -> None:
    """A load balancer trusts what the bootstrap stack exported up to AUTHORITY_SETTLES ago."""
    moments = [START + days * DAY for days in itertools.accumulate(gaps, initial=0)]
    identity: Identity | None = None
    exported: list[tuple[dt.datetime, list[Issued]]] = []
    for now, following in itertools.pairwise(moments):
        identity = renewed(identity, "nuggetwise.com", now)
        exported.append((now, identity["authorities"]))
        # The very first authority is there before any load balancer is.
        known = [authorities for when, authorities in exported if when <= now - AUTHORITY_SETTLES] or [exported[0][1]]
        authority = signed_by(identity["client"], known[-1])
        assert authority is not None, f"{now}: signed by an authority that load balancers do not know yet"
        assert authority.not_valid_after_utc >= following, f"{now}: the authority ends before the next update"
        assert parsed(identity["client"]).not_valid_after_utc >= following, f"{now}: ends before the next update"
        assert len(identity["authorities"]) <= 2


@given(st.integers(0, 300))
def test_nothing_changes_before_it_is_due(days: int) -> None:
    identity = renewed(None, "nuggetwise.com", START)
    assert renewed(identity, "nuggetwise.com", START + days * DAY) == identity


def test_after_ten_years_without_an_update_there_is_a_new_identity_all_the_same() -> None:
    identity = renewed(None, "nuggetwise.com", START)
    late = START + issuing.AUTHORITY_LIFE + DAY
    fresh = renewed(identity, "nuggetwise.com", late)
    assert signed_by(fresh["client"], fresh["authorities"])
    assert parsed(fresh["client"]).not_valid_after_utc > late + 300 * DAY


def test_the_certificate_is_a_clients_and_no_servers() -> None:
    client = parsed(renewed(None, "nuggetwise.com", START)["client"])
    usages = client.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert client.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_the_provider_renews_in_place_and_makes_anew_only_for_another_zone() -> None:
    provider = OriginPullIdentityProvider()
    created = provider.create({"zone": "nuggetwise.com"}).outs
    assert created is not None
    assert created["trusted"].count("BEGIN CERTIFICATE") == 1
    assert not provider.diff("1", created, {"zone": "nuggetwise.com"}).changes
    assert provider.diff("1", created, {"zone": "example.com"}).replaces == ["zone"]
    old = {**created, "identity": renewed(None, "nuggetwise.com", dt.datetime.now(dt.UTC) - 400 * DAY)}
    difference = provider.diff("1", old, {"zone": "nuggetwise.com"})
    assert (difference.changes, difference.replaces) == (True, [])
    updated = provider.update("1", old, {"zone": "nuggetwise.com"}).outs
    assert updated is not None
    assert updated["certificate"] != old["identity"]["client"]["certificate"]
    assert updated["trusted"] == old["identity"]["authorities"][0]["certificate"], "load balancers keep their trust"


def test_the_wait_ends_when_cloudflare_shows_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin_pull_deployment, "PAUSE_SECONDS", 0)
    said = iter(["initializing", "pending_deployment", "active"])
    wait(lambda: next(said), "the certificate")
    assert next(said, None) is None


def test_a_certificate_that_never_comes_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin_pull_deployment, "PAUSE_SECONDS", 0)
    clock = itertools.count(0, 400).__next__
    with pytest.raises(NotDeployedError, match=r"origin-pull certificate 1 is pending_deployment.*`pulumi up` again"):
        wait(lambda: "pending_deployment", "the origin-pull certificate 1", clock)


class Cloudflare(BaseHTTPRequestHandler):
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        type(self).asked.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"success": True, "result": {"status": "active"}}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cloudflare(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Cloudflare]]:
    server = HTTPServer(("127.0.0.1", 0), Cloudflare)
    Cloudflare.asked = []
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"http://127.0.0.1:{server.server_port}/client/v4/")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "a-token")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Cloudflare
    server.shutdown()
    server.server_close()


def test_cloudflare_is_asked_for_the_one_certificate_with_the_token(cloudflare: type[Cloudflare]) -> None:
    assert certificate_status("zone", "certificate") == "active"
    assert cloudflare.asked == [("/client/v4/zones/zone/origin_tls_client_auth/certificate", "Bearer a-token")]
