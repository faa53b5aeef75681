"""What a rehearsed program may ask."""

import ipaddress
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rehearsal import invokes
from rehearsal.cloud import Cloud, Record
from rehearsal.computed import Place
from rehearsal.refusals import Refused

PLACE = Place("123456789012", "eu-central-1")
REPOSITORY = "aws:ecr/repository:Repository"


class Registry(BaseHTTPRequestHandler):
    """Answers as a registry with one repository of two images."""

    def do_GET(self) -> None:
        tag = self.path.rpartition("/")[2]
        known = self.path.startswith("/v2/nuggetwise/api/")
        body = json.dumps({"name": "nuggetwise/api", "tags": ["v2", "v1"]}).encode() if known else b"{}"
        self.send_response(200 if known else 404)
        self.send_header("Docker-Content-Digest", f"sha256:{tag}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "cloud.db")


@pytest.fixture
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_the_rehearsal_cannot_answer_is_named(cloud: Cloud) -> None:
    with pytest.raises(Refused, match="the rehearsal has no answer to aws:ec2/getAmi:getAmi; it answers aws:ecr"):
        invokes.answered("aws:ec2/getAmi:getAmi", {}, PLACE, cloud)


def test_zones_are_of_the_region_that_is_asked_for(cloud: Cloud) -> None:
    token = "aws:index/getAvailabilityZones:getAvailabilityZones"
    assert invokes.answered(token, {}, PLACE, cloud)["names"] == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    assert invokes.answered(token, {"region": "eu-west-1"}, PLACE, cloud)["zoneIds"][0] == "euw1-az1"


def test_a_repository_is_the_clouds_and_its_images_the_registrys(cloud: Cloud, registry: str) -> None:
    token, place = "aws:ecr/getRepository:getRepository", Place(PLACE.account, PLACE.region, registry=registry)
    with pytest.raises(Refused, match=r"RepositoryNotFoundException: .*'nuggetwise/api'"):
        invokes.answered(token, {"name": "nuggetwise/api"}, place, cloud)
    names = ("arn", "id", "name", "registryId", "repositoryUrl", "imageTagMutability", "region")
    for name in ("nuggetwise/api", "nuggetwise/ops"):
        outputs = {**dict.fromkeys(names, "x"), "name": name, "region": place.region}
        cloud.create(Record(REPOSITORY, name, place.region, outputs=outputs))
    assert invokes.answered(token, {"name": "nuggetwise/api"}, place, cloud)["name"] == "nuggetwise/api"

    token = "aws:ecr/getImages:getImages"
    found = invokes.answered(token, {"repositoryName": "nuggetwise/api"}, place, cloud)["imageIds"]
    assert found == [{"imageTag": tag, "imageDigest": f"sha256:{tag}"} for tag in ("v1", "v2")]
    assert invokes.answered(token, {"repositoryName": "nuggetwise/ops"}, place, cloud)["imageIds"] == []


def test_the_registrys_password_is_another_at_each_call(cloud: Cloud) -> None:
    token = "aws:ecr/getAuthorizationToken:getAuthorizationToken"
    assert len({invokes.answered(token, {}, PLACE, cloud)["password"] for _ in range(3)}) == 3


def test_cloudflares_address_ranges_are_the_published_ones(cloud: Cloud) -> None:
    ranges = invokes.answered("cloudflare:index/getIpRanges:getIpRanges", {}, PLACE, cloud)
    assert all(ipaddress.IPv4Network(one) for one in ranges["ipv4Cidrs"])
    assert all(ipaddress.IPv6Network(one) for one in ranges["ipv6Cidrs"])
    assert (len(ranges["ipv4Cidrs"]), len(ranges["ipv6Cidrs"])) == (15, 7)
