"""What AWS is asked."""

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal import images
from rehearsal.cloud import Cloud, Missing
from rehearsal.computed import Place
from rehearsal.computed.aws import letters_of
from rehearsal.refusals import Refused

REPOSITORY = "aws:ecr/repository:Repository"
ZONES = "abc"


def _availability_zones(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    region = _region_of(arguments, place)
    return {
        "id": region,
        "region": region,
        "groupNames": [f"{region}-zg-1"],
        "names": [f"{region}{zone}" for zone in ZONES],
        "zoneIds": [f"{letters_of(region)}-az{number}" for number, _ in enumerate(ZONES, 1)],
    }


def _caller_identity(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    arn = f"arn:aws:sts::{place.account}:assumed-role/rehearsal/rehearsal"
    return {"id": place.account, "accountId": place.account, "arn": arn, "userId": "AROAREHEARSALREHEARSA:rehearsal"}


def _region(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    region = _region_of(arguments, place)
    return {"id": region, "name": region, "region": region, "description": region}


def _partition(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def _repository(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    name = arguments["name"]
    try:
        outputs = cloud.one(REPOSITORY, name=name, region=_region_of(arguments, place)).outputs
    except Missing:
        raise Refused(
            f"RepositoryNotFoundException: The repository with name '{name}' does not exist in the registry with id"
            f" '{place.account}'"
        ) from None
    scanning = outputs.get("imageScanningConfiguration")
    return {
        **{part: outputs[part] for part in ("arn", "id", "name", "registryId", "repositoryUrl", "imageTagMutability")},
        "region": outputs["region"],
        "encryptionConfigurations": outputs.get("encryptionConfigurations") or [{"encryptionType": "AES256"}],
        "imageScanningConfigurations": [scanning] if scanning else [],
        "imageTagMutabilityExclusionFilters": [],
        "mostRecentImageTags": [],
        "tags": outputs.get("tagsAll") or {},
    }


def _images(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    name = arguments["repositoryName"]
    _repository({**arguments, "name": name}, place, cloud)
    found = ((tag, images.digest(place.registry, name, tag)) for tag in images.tags(place.registry, name))
    # Between the two questions an image may have gone.
    return {
        "id": name,
        "region": _region_of(arguments, place),
        "registryId": place.account,
        "imageIds": [{"imageTag": tag, "imageDigest": digest} for tag, digest in found if digest],
    }


def _authorization_token(arguments: Mapping[str, Any], place: Place, cloud: Cloud) -> dict[str, Any]:
    """Another one at each call, as in ECR. The rehearsal's registry takes any."""
    region, password = _region_of(arguments, place), secrets.token_urlsafe(96)
    registry = place.registry or f"{place.account}.dkr.ecr.{region}.amazonaws.com"
    return {
        "id": region,
        "region": region,
        "registryId": place.account,
        "userName": "AWS",
        "password": password,
        "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
        "expiresAt": (datetime.now(UTC) + timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "proxyEndpoint": f"http://{registry}" if place.registry else f"https://{registry}",
    }


def _region_of(arguments: Mapping[str, Any], place: Place) -> str:
    return arguments.get("region") or place.region


ANSWERS = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:ecr/getRepository:getRepository": _repository,
    "aws:ecr/getImages:getImages": _images,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _authorization_token,
}
