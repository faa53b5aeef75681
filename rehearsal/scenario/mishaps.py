"""Mishaps: an engine that is killed half-way, and a cloud that fails once for each type of resource."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from infra.settings import PROJECT
from rehearsal import faults
from rehearsal.cloud import Cloud
from rehearsal.scenario.agreement import REHEARSED, disagreements
from rehearsal.scenario.engine import Engine, Step
from rehearsal.scenario.report import RehearsalFailed, Report, expect
from rehearsal.scenario.story import facts, prepare_bootstrap, prepare_stack
from rehearsal.scenario.workspace import Workspace

KILLED_AT = (10, 60, 100)
"""How many resources an `up` has made when it is killed."""
MOST_ROUNDS = 40
"""A chain of resources that need each other meets one fault per `up`, and no chain is as long."""


def interrupted(place: Workspace, report: Report) -> None:
    """`up` is killed at several points. Put in order as README says, the next one goes on from there."""
    _begin(place, report)
    for count in KILLED_AT:
        with report.step(f"`up` is killed once it has made {count} resources") as step:
            with place.engine.start("up") as process:
                while not process.ended and _created(process.steps()) < count:
                    time.sleep(0.1)
                if process.ended:
                    raise RehearsalFailed(f"`up` ended by itself before that; it printed:\n{process.finish().text}")
                process.kill()
            imported, forgotten = settle(place.engine, place.cloud)
            step.result = f"{imported} that were under way are taken over, {forgotten} are made anew"
            step.facts = {"imported": imported, "forgotten": forgotten}
    with report.step("The next `up` goes on to the end, and nothing is left over or there twice") as step:
        done = place.engine.run("up")
        place.engine.run("up", "--expect-no-changes")
        _expect_agreement(place)
        step.result = done.counts()
        step.facts = facts(done)


def faulty(place: Workspace, report: Report) -> None:
    """Each type's first creation fails outright, its next one half-way; every `up` goes on from the one before."""
    _begin(place, report)
    types = sorted({step.type for step in place.engine.run("preview").steps if step.type.startswith(REHEARSED)})
    for kind in types:
        faults.inject(place.cloud, faults.Fault(kind, "create", "fail"))
        faults.inject(place.cloud, faults.Fault(kind, "create", "half"))
    rounds, met = 0, 0
    with report.step(f"Each of {len(types)} types fails twice, once outright and once half-way") as step:
        done = place.engine.run("up", "--continue-on-error", fails=True)
        while done.code != 0 and rounds < MOST_ROUNDS:
            rounds += 1
            met += len(done.failed)
            with place.engine.start("up", "--continue-on-error") as process:
                done = process.finish()
        expect(done.code == 0, f"`up` does not converge; the {rounds}th one printed:\n{done.text}")
        step.result = f"{met} failures in {rounds} runs of `up`, then one that ended well"
        step.facts = {"types": types, "failures": met, "rounds": rounds}
    with report.step("The same again changes nothing, and nothing is left over or there twice") as step:
        # A type of one resource that succeeded after its first fault never meets the second.
        left = faults.pending(place.cloud)
        expect(not left, f"never met: {', '.join(f'{fault.kind} {fault.target}' for fault in left)}")
        done = place.engine.run("up", "--expect-no-changes")
        _expect_agreement(place)
        step.result = f"{done.same} resources"


def settle(engine: Engine, cloud: Cloud) -> tuple[int, int]:
    """Puts the state of a killed `up` in order. Returns how many creations were taken over, and how many forgotten.

    As an operator would by `pulumi cancel`, `stack export`, an editor, `stack import` and `refresh`: what was under way
    is looked up in the cloud by its name and tags. (`refresh --import-pending-creates` of CLI 3.259 loses it.)
    """
    engine.ask("cancel", "--yes")
    state = engine.state()
    taken, forgotten = take_over(state["deployment"], {record.urn: record.id for record in cloud.list()})
    engine.ask("stack", "import", "--force", stdin=json.dumps(state))
    engine.run("refresh")
    return taken, forgotten


def take_over(deployment: dict[str, Any], there: Mapping[str, str]) -> tuple[int, int]:
    """Ends the operations that are pending in a state: what is `there`, by URN and id, becomes a resource of it.

    Returns how many did, and how many are forgotten.
    """
    pending: list[dict[str, Any]] = deployment.pop("pending_operations", None) or []
    made = [each["resource"] for each in pending if each["type"] == "creating" and each["resource"]["urn"] in there]
    deployment["resources"] = [
        *(deployment.get("resources") or []),
        *({**resource, "id": there[resource["urn"]]} for resource in made),
    ]
    return len(made), len(pending) - len(made)


def _begin(place: Workspace, report: Report) -> None:
    with report.step("The bootstrap stack comes up") as step:
        prepare_bootstrap(place)
        step.result = place.bootstrap.run("up").counts()
        prepare_stack(place)


def _created(steps: Iterable[Step]) -> int:
    return sum(step.op == "create" for step in steps)


def _expect_agreement(place: Workspace) -> None:
    records = [record for record in place.cloud.list() if f"::{PROJECT}::" in record.urn]
    found = disagreements(records, place.engine.resources())
    expect(not found, "the cloud and the state disagree:\n" + "\n".join(found))
