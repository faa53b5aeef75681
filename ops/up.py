"""`make up`: bring a stack to what this clone declares."""

import sys
import time
from collections.abc import Sequence

import docker

from infra.api import rolling_update
from infra.settings import Settings
from ops import engine, leftovers, lock, preflight, stack_file
from ops.errors import OperatorError


def up(stack: str, port: int | None) -> int:
    """Deploys. Returns the exit code of `pulumi up`. Raises OperatorError before anything was changed."""
    settings = stack_file.read(stack, port)
    client = preflight.connect()
    with lock.held(stack):
        preflight.check_disk(client)
        preflight.check_ports(client, settings)
        stack_file.create(settings)
        stack_file.forget_salt(stack)
        repaired = prepare(client, settings)
        started = time.monotonic()
        code = engine.pulumi("up", "--stack", stack, "--yes", "--skip-preview", *(["--refresh"] if repaired else []))
        stack_file.settle(stack)
    if code != 0:
        engine.check_passphrase(stack)
        raise OperatorError(
            f"stack {stack} was not brought up to date; what served before is still serving. Mend what is named above "
            "and run the same command again. (An image that does not build shows its whole log with "
            "`docker build -f images/<image>/Dockerfile .`)"
        )
    print(f"\n{stack} serves http://127.0.0.1:{settings.port}/api/health ({time.monotonic() - started:.0f} s)")
    return 0


def prepare(client: docker.DockerClient, settings: Settings) -> bool:
    """Makes the stack's state and the engine agree as far as nothing is lost by it.

    Returns whether the engine lacks something that the state has, so that the state must be refreshed.
    """
    stack = settings.name
    if engine.release_dead_lock(stack):
        say(f"an earlier run of {stack} was killed; its lock is released")
    fresh = engine.ensure_stack(stack)
    state = engine.export(stack)
    known = [] if fresh else list(engine.resources(state))
    if forgotten := engine.clear_interruption(stack, state):
        say(f"{forgotten} operations of an interrupted run are forgotten; they are done anew")
    found = remove_strangers(client, settings, known)
    if told := engine.entry(state, engine.NGINX_SETTINGS):
        leftovers.settle_maintenance(found, on=told["outputs"]["maintenance"])
    images = {str(image.id) for image in client.images.list(filters={"label": "nuggetwise.image"})}
    if gone := leftovers.missing(found, known, images):
        say(f"not there or not running any more: {', '.join(gone)}; refreshing the state and making them again")
    return bool(gone)


def remove_strangers(
    client: docker.DockerClient, settings: Settings, known: Sequence[engine.Resource]
) -> leftovers.Found:
    """Removes containers and networks that the state does not know, so that no old code goes on serving. Returns what
    there was. Volumes may hold data and stay.

    Raises OperatorError when an update of the replicas, whose engine was killed, is still at work and does not end.
    """
    try:
        with rolling_update.alone(settings.name, settings.api.ready_within + rolling_update.HEALTHY_WITHIN):
            found = leftovers.find(client, settings.name)
            left = leftovers.strangers(found, known, leftovers.serving(found))
            for container in left.containers:
                say(f"container {container.name} is not in the stack's state; removing it")
            leftovers.remove(left, data=False)
    except rolling_update.UnderWay as error:
        raise OperatorError(f"{error}; look for a process pulumi.dynamic, end it, and run this again") from None
    for volume in left.volumes:
        say(f"volume {volume.name} is not in the stack's state; left alone (make down removes it, after asking)")
    return found


def say(text: str) -> None:
    print(f"make: {text}", file=sys.stderr, flush=True)
