"""What the rehearsal's registry holds, asked over its own protocol: https://distribution.github.io/distribution/spec/api/."""

import json
import urllib.error
import urllib.request

# How long the registry, which runs on this machine, may take.
TIMEOUT = 5.0
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def tags(registry: str, repository: str) -> list[str]:
    """The tags of a repository, in order. None where there is no such repository, or no registry at all."""
    answer = _answer(registry, f"{repository}/tags/list")
    return sorted(json.loads(answer[1]).get("tags") or []) if answer else []


def digest(registry: str, repository: str, tag: str) -> str | None:
    """The digest of the image with that tag."""
    answer = _answer(registry, f"{repository}/manifests/{tag}")
    return answer[0]["Docker-Content-Digest"] if answer else None


def _answer(registry: str, path: str) -> tuple[dict[str, str], bytes] | None:
    if not registry:
        return None
    request = urllib.request.Request(f"http://{registry}/v2/{path}", headers={"Accept": ", ".join(MANIFESTS)})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - our own registry
            return dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
