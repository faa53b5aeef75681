"""`make rollback`: back to the release before, its image and its settings, without a build."""

import tempfile
from pathlib import Path

import docker
import yaml
from docker.errors import ImageNotFound

from infra import settings
from ops import engine, history, lock, preflight, stack_file
from ops.errors import OperatorError
from ops.history import Release
from ops.up import prepare, say


def rollback(stack: str) -> int:
    """Deploys the release before the one that is deployed. Returns 0.

    The settings' file stays as it is: the next `make up` deploys what the clone and the file say.
    Raises OperatorError when there is no such release, its image is gone, or it could not be deployed.
    """
    now = stack_file.load(stack)
    if now.environment != "dev":
        raise OperatorError(
            f"make rollback is for dev stacks; to {now.environment} an earlier image is deployed by "
            f"`{settings.set_command(stack, 'image')} sha256:...` and `pulumi up -s {stack}`"
        )
    client = preflight.connect()
    with lock.held(stack):
        before = _before(stack)
        _check_image(client, before)
        config = _config(before, maintenance=now.maintenance)
        target = settings.parse(stack, config)
        preflight.check_ports(client, target)
        say(f"back to {before.version} ({before.image}) and its settings")
        repaired = prepare(client, target)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"Pulumi.{stack}.yaml"
            file.write_text(yaml.safe_dump({"config": config, "encryptionsalt": before.salt}))
            options = ["--config-file", str(file), "--message", f"rollback to {before.version}"]
            refresh = ["--refresh"] if repaired else []
            code = engine.pulumi("up", "--stack", stack, "--yes", "--skip-preview", *options, *refresh)
    if code != 0:
        raise OperatorError(f"stack {stack} did not go back to {before.version}; what served before is still serving")
    print(f"\n{stack} serves {before.version} again. Mend what was wrong; the next make up deploys this clone's code.")
    return 0


def _before(stack: str) -> Release:
    found = history.releases(history.updates(stack))
    if len(found) < 2:
        raise OperatorError(
            f"stack {stack} has no release before the one that is deployed; nothing was changed. (A deploy that failed "
            "is none, and going back again leads further back.)"
        )
    return found[-2]


def _check_image(client: docker.DockerClient, release: Release) -> None:
    try:
        client.images.get(release.image)
    except ImageNotFound:
        raise OperatorError(
            f"the image {release.image} of {release.version} is no longer on this machine (`make purge` removes "
            "images); check out its commit and run `make up`. Nothing was changed."
        ) from None


def _config(release: Release, *, maintenance: bool) -> dict[str, object]:
    """The release's settings. Whether there is maintenance just now is not one of them."""
    return {
        **release.config,
        f"{settings.PROJECT}:image": release.image,
        f"{settings.PROJECT}:maintenance": maintenance,
    }
