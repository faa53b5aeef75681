"""Releases of the API in a rehearsal's registry and in Docker."""

from collections.abc import Sequence
from contextlib import suppress

import docker
from docker.errors import ImageNotFound

from infra.release import IMAGE_SOURCES, image_name
from rehearsal.services.machine import LABEL

VARIANT = "variant"


def publish_variant(reference: str, changes: Sequence[str], rehearsal: str) -> str:
    """Pushes a variant of the image `<repository>@sha256:…` and returns its digest.

    `changes` are lines of a Dockerfile, such as `CMD ["false"]`.
    """
    client = docker.from_env()
    repository = reference.partition("@")[0]
    container = client.containers.create(reference, labels={LABEL: rehearsal})
    try:
        # Docker takes all changes as one text.
        container.commit(repository=repository, tag=VARIANT, changes="\n".join(changes))
        for line in client.images.push(repository, tag=VARIANT, stream=True, decode=True):
            if digest := (line.get("aux") or {}).get("Digest"):
                return str(digest)
            if "error" in line:
                raise RuntimeError(f"the variant of {reference} was not pushed: {line['error']}")
        raise RuntimeError(f"the registry gave no digest for the variant of {reference}")
    finally:
        container.remove(force=True)
        client.close()


def forget(registry: str) -> None:
    """Removes from Docker what it has of a registry that is about to end.

    What was built for it is kept under the name that a dev stack gives it: the cache of the next build.
    """
    client, ours = docker.from_env(), {image_name(image) for image in IMAGE_SOURCES}
    for image in client.images.list():
        attributes = image.attrs or {}
        names = [name for name in attributes.get("RepoTags") or () if name.startswith(f"{registry}/")]
        for name in names:
            if (kept := name.removeprefix(f"{registry}/")) in ours:
                image.tag(kept)
        for name in [*names, *(d for d in attributes.get("RepoDigests") or () if d.startswith(f"{registry}/"))]:
            with suppress(ImageNotFound):  # the last name of an image takes the others with it
                client.images.remove(name, force=True)
    client.close()
