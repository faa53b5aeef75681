"""`make rebuild`: a stack from the repository, its state and its bucket, also where the state is lost."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docker.models.volumes import Volume

from infra import labels
from ops import engine, job, leftovers, lock, preflight, restore, stack_file
from ops.errors import OperatorError
from ops.up import say, up


def rebuild(stack: str) -> int:
    """Adopts what still exists, makes the rest anew, and restores the newest good backup where the database is empty.

    Safe to repeat. Raises OperatorError when a step fails; what was done stays.
    """
    settings = stack_file.load(stack)
    if settings.environment != "dev":
        raise OperatorError(
            f"make rebuild is for dev stacks; docs/recovery.md has the steps for {settings.environment}"
        )
    if not engine.exists(stack):
        adopt(stack)
    code = up(stack, None)
    if code != 0 or settings.database.kind == "external" or not is_empty(stack):
        return code
    say("the database is empty; restoring the newest good backup")
    return restore.restore(stack, "latest", force=True, yes=True)


def is_empty(stack: str) -> bool:
    """Whether nobody is registered."""
    database = job.component(preflight.connect(), stack, "database")
    code, output = database.exec_run(["psql", "-U", "postgres", "-AtX", "-c", "TABLE users LIMIT 1", "nuggetwise"])
    assert isinstance(output, bytes)
    if code != 0:
        raise OperatorError(f"the database of stack {stack} does not answer: {output.decode(errors='replace')}")
    return not output.strip()


def adopt(stack: str) -> None:
    """Makes a state that was lost anew, and takes the stack's volumes into it, before an `up` makes others.

    Containers and the network hold nothing; the next `up` removes those that no state knows, and makes its own.
    """
    client = preflight.connect()
    with lock.held(stack):
        stack_file.forget_salt(stack)
        volumes = leftovers.find(client, stack).volumes
        engine.ensure_stack(stack)
        wanted = imports(_planned(stack), volumes)
        if not wanted["resources"]:
            say(f"the state has no stack {stack}, and there is no volume of it: all is made anew")
            return
        say(f"the state has no stack {stack}; taking over {', '.join(str(volume.name) for volume in volumes)}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "imports.json"
            file.write_text(json.dumps(wanted))
            options = ["--yes", "--skip-preview", "--protect=false", "--generate-code=false"]
            engine.ask("import", "--stack", stack, "--file", str(file), *options)


def _planned(stack: str) -> list[dict[str, Any]]:
    """The resources that a first `up` would make."""
    steps = json.loads(engine.ask("preview", "--stack", stack, "--json"))["steps"]
    return [step["newState"] for step in steps if step["op"] == "create"]


def imports(planned: Iterable[Mapping[str, Any]], volumes: Iterable[Volume]) -> dict[str, Any]:
    """What `pulumi import --file` is told: each volume that is there in the place of the one that would be made.

    A planned volume and one that is there belong together when they carry the same label of a component.
    """
    by_urn = {each["urn"]: each for each in planned}
    there = {volume.attrs["Labels"][labels.COMPONENT]: str(volume.name) for volume in volumes}
    resources: list[dict[str, Any]] = []
    parents: dict[str, dict[str, Any]] = {}
    for each in by_urn.values():
        if each["type"] != leftovers.VOLUME:
            continue
        component = next(entry["value"] for entry in each["inputs"]["labels"] if entry["label"] == labels.COMPONENT)
        if component not in there:
            continue
        parent = by_urn[each["parent"]]
        parents[parent["urn"]] = {"type": parent["type"], "name": _name(parent), "component": True}
        resources.append({"type": each["type"], "name": _name(each), "id": there[component], "parent": _name(parent)})
    return {"resources": [*parents.values(), *resources]}


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]
